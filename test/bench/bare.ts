/** Servers that the benchmark compares a hop with. `leaf` answers a request, and `relay` forwards it to a leaf. */
import http from 'node:http';
import { Agent } from 'undici';
import type { ReadyMessage } from '../../src/serve/process/process-messages.ts';

const [role, target = ''] = process.argv.slice(2);

const leafReply = JSON.stringify({
  service: 'leaf',
  version: 'v1',
  pod: 'leaf-1',
  status: 200,
  body: 'hello',
  durationMs: 0.1,
});

const agent = new Agent({ allowH2: false, pipelining: 1 });

const server = http.createServer((request, response) => {
  if (role === 'leaf') {
    // The answer is signed, so a meshmock embeds it unparsed, as the reply of a meshmock.
    response.setHeader('x-meshmock', 'leaf/v1').setHeader('content-type', 'application/json').end(leafReply);
    return;
  }
  agent.dispatch(
    { origin: target, path: request.url ?? '/', method: 'GET', headers: { accept: 'application/json' } },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        response.writeHead(status, { 'content-type': String(headers['content-type']) });
      },
      onResponseData(_controller, chunk) {
        response.write(chunk);
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        response.writeHead(502).end();
      },
    },
  );
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  process.send?.({ kind: 'ready', http: `127.0.0.1:${port}`, grpc: '' } satisfies ReadyMessage);
});
process.on('disconnect', () => process.exit(0));
