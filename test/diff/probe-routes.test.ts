import assert from 'node:assert/strict';
import { it } from 'node:test';
import { probeRoute } from '../../src/diff/engine/probe-routes.ts';
import { probe } from './make.ts';

it('a port of a gateway to which no Service leads any more has no route, instead of ending the comparison', () => {
  const gateway = probe({
    caller: { kind: 'gateway', gateway: 'default/gw', host: 'shop.example', port: 81, scheme: 'http' },
  });
  const servicesAt = (port: number): object[] => [
    { kind: 'Service', metadata: { name: 'gw' }, spec: { ports: [{ port }], selector: { app: 'gw' } } },
  ];
  const pods = [{ kind: 'Pod', metadata: { name: 'gw-1', labels: { app: 'gw' } }, spec: { containers: [] } }];
  const route = (port: number): unknown => {
    const objects = { services: servicesAt(port), pods } as unknown as Parameters<typeof probeRoute>[3]['objects'];
    const entry = { name: 'gw', kind: 'gateway', protocol: 'http', port: 80, targets: [] } as const;
    const entries = { ports: [{ entry, host: '127.0.0.1', port: 1 }], objects, applied: [], namespace: 'default' };
    return probeRoute(gateway, { headers: [], path: '/' }, 1000, entries);
  };
  assert.equal(route(80), undefined);
  assert.equal(route(81), undefined, 'the Service keeps the port, but no server has it');
});
