/**
 * Service of a tree that makes the calls of a path, such as `/@b/@c/hello` or `/@b|c/hello`, and does nothing else. Its answer
 * has as many bytes as that of a meshmock: a part of its own, and the answers to its calls in the buffers in which they
 * arrived. So it shows what a tree costs because of its connections and its bytes.
 */
import http from 'node:http';
import { Agent } from 'undici';
import type { ReadyMessage } from '../../src/serve/process/process-messages.ts';

/** Its port, and the services that it can call, as NAME=PORT. */
const [port = '', ...services] = process.argv.slice(2);
const origins = new Map(
  services.map((service) => {
    const [name = '', peerPort] = service.split('=');
    return [name, `http://127.0.0.1:${peerPort}`];
  }),
);
const agent = new Agent({ allowH2: false, pipelining: 1 });
/** Bytes of a reply with its call, less those of the answers to its calls. */
const ownBytes = 570;
const own = `{"own":"${'x'.repeat(ownBytes)}"`;
const leaf = Buffer.from(`${own}}`);
const head = Buffer.from(`${own},"calls":[`);
const comma = Buffer.from(',');
const tail = Buffer.from(']}');

function send(response: http.ServerResponse, parts: readonly Buffer[]): void {
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  response.writeHead(200, ['content-type', 'application/json', 'content-length', String(bytes)]);
  for (const part of parts) response.write(part);
  response.end();
}

function call(origin: string, path: string): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    agent.dispatch(
      { origin, path, method: 'GET', headers: { accept: 'application/json' } },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData(_controller, chunk) {
          parts.push(chunk);
        },
        onResponseEnd() {
          resolve(parts);
        },
        onResponseError(_controller, error) {
          reject(error);
        },
      },
    );
  });
}

const server = http.createServer(async ({ url = '' }, response) => {
  const [, targets = '', path = ''] = /^\/@([^/]*)(.*)$/.exec(url) ?? [];
  if (targets === '') {
    send(response, [leaf]);
    return;
  }
  const answers = await Promise.all(targets.split('|').map((name) => call(origins.get(name) ?? '', path)));
  const calls = answers.flatMap((parts, index) => (index === 0 ? parts : [comma, ...parts]));
  // One write for many short parts.
  send(response, [head, ...(answers.length === 1 ? calls : [Buffer.concat(calls)]), tail]);
});
server.listen(Number(port), '127.0.0.1', () => {
  process.send?.({ kind: 'ready', http: `127.0.0.1:${port}`, grpc: '' } satisfies ReadyMessage);
});
process.on('disconnect', () => process.exit(0));
