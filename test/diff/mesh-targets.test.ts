import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noConfig } from '../../src/diff/pieces/envoy-config.ts';
import type { MeshSnapshot } from '../../src/diff/pieces/mesh-snapshot.ts';
import { meshTargetsOf } from '../../src/diff/pieces/mesh-targets.ts';

test('a Service whose short name is that of a host outside the mesh has its whole name', () => {
  const virtualHost = { name: 'partner.outside:8080', domains: ['partner.outside'] };
  const port = { port: 8080, name: 'http', targetPort: '8080', protocol: 'http' } as const;
  const service = (name: string): MeshSnapshot['services'][number] => ({
    name,
    namespace: 'outside',
    addresses: [],
    selector: { app: name },
    endpoints: [],
    ports: [port],
    settings: '',
  });
  const mesh: MeshSnapshot = {
    services: [service('partner'), service('tracker')],
    pods: [
      {
        name: 'web-1',
        namespace: 'default',
        workload: 'web',
        serviceAccount: 'web',
        labels: {},
        address: '10.0.0.1',
        role: 'mock',
        network: '',
        program: '',
        config: { ...noConfig, routes: new Map([['8080', { virtual_hosts: [virtualHost] }]]) },
      },
    ],
  };
  assert.deepEqual(
    meshTargetsOf(mesh, mesh).targets.map(({ destination }) => destination.name),
    ['partner.outside.svc.cluster.local', 'tracker.outside', 'partner.outside'],
  );
});
