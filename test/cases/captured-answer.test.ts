import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { LiveTestMesh } from '../../src/cases/meshes/live-test-mesh.ts';
import { runCase } from '../../src/cases/run-case.ts';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';

test('all captured values of a repeated request are those of its first answer', async () => {
  const uris: string[] = [];
  // A load balancer of two pods, the second of which fails.
  const server = createServer(({ url = '' }, response) => {
    const pod = `web-${uris.push(url)}`;
    const status = pod === 'web-2' ? 503 : 200;
    const headers = { 'content-type': 'application/json', 'x-meshmock': 'web/v1', 'x-pod': pod };
    response.writeHead(status, headers).end(JSON.stringify({ service: 'web', pod, status }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const text = `cases:
  - name: n
    call: /x
    repeat: 2
    capture: { one: answer-header x-pod, two: root pod }
    expect: status != 404
    then:
      - { call: "/\${one}/\${two}", expect: status = 200 }
`;
  const { cases } = parseCaseFile(text, 'a.yaml', { timeoutMs: 5000, retryUntilMs: 0 });
  const [testCase] = cases;
  assert.ok(testCase?.kind === 'expectations');
  const mesh = new LiveTestMesh([{ name: undefined, protocol: 'http', address: { host: '127.0.0.1', port } }], 'after');
  const context = { userAgent: 'test', onAnswer: () => {}, stop: new AbortController().signal };
  await runCase(testCase, mesh, context);
  server.close();
  assert.equal(uris[2], '/web-1/web-1');
});
