import assert from 'node:assert/strict';
import { it } from 'node:test';
import { probeRoute } from '../../src/diff/engine/probe-routes.ts';
import { probe } from './make.ts';

it('a port of a gateway to which no Service leads any more has no route, instead of ending the comparison', () => {
  const gateway = probe({
    caller: { kind: 'gateway', gateway: 'default/gw', host: 'shop.example', port: 81, scheme: 'http' },
  });
  const services = [
    { kind: 'Service', metadata: { name: 'gw' }, spec: { ports: [{ port: 80 }], selector: { app: 'gw' } } },
  ];
  const pods = [{ kind: 'Pod', metadata: { name: 'gw-1', labels: { app: 'gw' } }, spec: { containers: [] } }];
  const objects = { services, pods } as unknown as Parameters<typeof probeRoute>[3]['objects'];
  const entries = { ports: [], objects, applied: [], namespace: 'default' };
  assert.equal(probeRoute(gateway, { headers: [], path: '/' }, 1000, entries), undefined);
});
