import type { Random } from '../../random.ts';
import { attackOf, deadlineMs, marginMs } from '../attack.ts';
import { expectEnd, inPieces, type Step } from '../raw-connection.ts';
import { mutate, randomPath } from './paths.ts';
import { randomTraceHeaders } from './trace-headers.ts';

const methods = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'PATCH',
  'QUERY',
  'CONNECT',
  'TRACE',
  'get',
  'ÄÖ',
  '',
];
const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'HTTP', ''];
const accepts = ['application/json', 'text/plain', 'text/html', '*/*', 'a/b;q=x', '\u0001', ','.repeat(500)];
const ownPaths = ['/-/healthy', '/-/ready', '/-/plan/@a/x', '/-/', '*', 'http://a/@b/x', '//@a/x', '/\u0000', ''];

/** Requests that a client sends over one connection, and its end. */
interface ClientSteps {
  readonly requests: number;
  readonly steps: readonly Step[];
}

/** Requests of HTTP/1.1 that are wrong in any way. After its last byte, each client closes its side or resets. */
export const httpRequests = attackOf<ClientSteps>({
  name: 'http-requests',
  casesInRound: 200,
  atOnce: 40,
  maxGrowthMB: 30,
  make: randomConnection,
  requestsIn: ({ requests }) => requests,
  run: ({ steps }, { service }) => expectEnd(service.httpPort, steps, deadlineMs + marginMs),
});

/** Returns one to five pipelined requests in random pieces, and the end of the connection. */
export function randomConnection(random: Random): ClientSteps {
  const requests = Array.from({ length: random.chance(0.7) ? 1 : 1 + random.below(5) }, () => randomRequest(random));
  let bytes = Buffer.concat(requests);
  if (random.chance(0.2)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  if (random.chance(0.2)) bytes = Buffer.concat([bytes, random.bytes(random.below(50))]);
  const cuts = random.chance(0.3) ? random.some(4, () => random.below(bytes.length + 1)) : [];
  const end: Step = { kind: random.chance(0.8) ? 'end' : 'reset' };
  return { requests: requests.length, steps: [...inPieces(bytes, cuts), end] };
}

function randomRequest(random: Random): Buffer {
  const target = random.chance(0.2) ? random.pick(ownPaths) : wireText(random, randomPath(random));
  const { headers, body } = randomBody(random);
  const all: [string, string][] = [['Host', random.pick(['a', 'a:1', '', 'ä', 'a b'])], ...headers];
  if (random.chance(0.5)) all.push(['Accept', random.pick(accepts)]);
  if (random.chance(0.3)) all.push(...randomTraceHeaders(random));
  if (random.chance(0.2)) all.push(['Connection', random.pick(['close', 'keep-alive', 'upgrade', 'x,,y', 'te'])]);
  if (random.chance(0.1)) all.push(['Upgrade', random.pick(['websocket', 'h2c', 'x'])]);
  if (random.chance(0.1)) all.push(['Expect', random.pick(['100-continue', 'x'])]);
  if (random.chance(0.1))
    all.push(['x-meshmock-timeout', mutate(random, '10ms')], ['Content-Type', mutate(random, 'a/b')]);
  if (random.chance(0.05)) all.push(...random.some(200, (): [string, string] => [`x-${random.id(4)}`, random.id(20)]));
  const lines = [`${random.pick(methods)} ${target} ${random.pick(versions)}`, ...all.map((pair) => pair.join(': '))];
  const newline = random.chance(0.95) ? '\r\n' : '\n';
  const head = lines.join(newline) + newline + newline;
  return Buffer.concat([Buffer.from(random.chance(0.1) ? mutate(random, head) : head, 'latin1'), body]);
}

/** Encodes most paths as a client would, and leaves the others as they are. */
function wireText(random: Random, path: string): string {
  if (random.chance(0.1)) return path;
  return path.toWellFormed().replace(/[^\x21-\x7e]/gu, (letter) => encodeURIComponent(letter));
}

interface Body {
  readonly headers: [string, string][];
  readonly body: Buffer;
}

function randomBody(random: Random): Body {
  const content = random.bytes(random.below(300));
  switch (random.below(6)) {
    case 0:
      return { headers: [['Content-Length', String(content.length)]], body: content };
    case 1:
      return {
        headers: [['Content-Length', random.pick(['-1', '1e3', '99999999999999999999', '5', ''])]],
        body: content,
      };
    case 2:
      return { headers: [['Transfer-Encoding', 'chunked']], body: chunked(random, content) };
    case 3:
      return {
        headers: [
          ['Transfer-Encoding', random.pick(['chunked', 'gzip, chunked', 'identity', 'xchunked'])],
          ['Content-Length', '3'],
        ],
        body: chunked(random, content),
      };
    default:
      return { headers: [], body: Buffer.alloc(0) };
  }
}

function chunked(random: Random, content: Buffer): Buffer {
  const size = random.chance(0.5)
    ? content.length.toString(16)
    : random.pick(['zz', '-1', 'ffffffffffffffffff', '0', '1;x=y']);
  const end = random.chance(0.7)
    ? '\r\n0\r\n\r\n'
    : random.pick(['', '\r\n', '0\r\nx: y\r\n', '\r\n0\r\nContent-Length: 5\r\n\r\n']);
  return Buffer.concat([Buffer.from(`${size}\r\n`), content, Buffer.from(end)]);
}
