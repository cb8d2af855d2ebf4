import { flags, frame, frameTypes, grpcMessage, headerBlock, settings, uint32 } from '../../http2-wire.ts';
import type { Random } from '../../random.ts';
import type { Step } from '../raw-connection.ts';
import { mutate } from './paths.ts';

/** What a backend does with a connection; `endless` repeats its last bytes until the client goes. */
export interface HostileAnswer {
  readonly steps: readonly Step[];
  readonly endless?: Buffer;
}

const send = (text: string | Buffer): Step => ({ kind: 'send', bytes: Buffer.from(text as string) });
const end: Step = { kind: 'end' };
const reset: Step = { kind: 'reset' };
const signed = 'x-meshmock: a/v1\r\ncontent-type: application/json\r\n';

/** Returns bodies with a forged signature: a reply that is cut off, is nested deep, lies or is no JSON. */
function forgedBody(random: Random): string {
  const reply = '{"service":"a","version":"v1","pod":"a-1","status":200,"durationMs":1,"calls":[]}';
  const deep = random.pick([10, 1000, 100_000]);
  switch (random.below(8)) {
    case 0:
      return reply.slice(0, random.below(reply.length));
    case 1:
      return '{"calls":['.repeat(deep);
    case 2:
      return `{"service":"a","calls":${'['.repeat(deep)}${']'.repeat(deep)}}`;
    case 3:
      return reply.replace('200', random.pick(['1e999', '"200"', '-1', '{}', 'null', '99999999999999999999']));
    case 4:
      return `${reply}${random.pick(['}', ',{}', '\u0000', ']]'])}`;
    case 5:
      return reply.replace(
        '"a-1"',
        JSON.stringify('😀'.repeat(random.pick([1, 10_000]))).slice(0, random.below(50_000)),
      );
    case 6:
      return Buffer.from([0xff, 0xfe, 0x22, 0xc3]).toString('latin1') + reply;
    default:
      return mutate(random, reply);
  }
}

/** Returns an answer of HTTP/1.1 of a server that is slow, endless, broken or lies. */
export function hostileHttp(random: Random): HostileAnswer {
  const body = forgedBody(random);
  const length = `content-length: ${Buffer.byteLength(body)}\r\n`;
  const status = random.pick(['200 OK', '200 OK', '404 x', '503 x', '999 x', '000 x', '204 No Content', '304 x']);
  const head = `HTTP/1.1 ${status}\r\n`;
  switch (random.below(16)) {
    case 0:
      return { steps: [reset] };
    case 1:
      return { steps: [end] };
    case 2:
      return { steps: [send(head), { kind: 'pause', ms: 50 }, random.chance(0.5) ? reset : end] };
    case 3:
      return { steps: [send(`${head}content-length: 1000000\r\n\r\nx`), random.pick([reset, end])] };
    case 4:
      return {
        steps: [
          send(`${head}content-length: ${random.pick(['-1', '2x', '99999999999999999999'])}\r\n\r\n${body}`),
          end,
        ],
      };
    case 5:
      return { steps: [send(`${head}${signed}${length}\r\n${body}HTTP/1.1 200 OK\r\n\r\nmore`), end] };
    case 6:
      return { steps: [send(`${head}transfer-encoding: chunked\r\n\r\nzz\r\nx\r\n`), end] };
    case 7:
      return { steps: [send(`${head}transfer-encoding: chunked\r\n\r\n`)], endless: Buffer.from('5\r\nhello\r\n') };
    case 8:
      return { steps: [send(head)], endless: Buffer.from(`x-${random.id(4)}: ${'y'.repeat(100)}\r\n`) };
    case 9:
      return { steps: [send(`${head}\r\n`)], endless: Buffer.alloc(16_384, 'x') };
    case 10:
      return { steps: [], endless: Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n') };
    case 11:
      return { steps: [send(`HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n`), end] };
    case 12:
      return { steps: [send(random.bytes(200)), end] };
    case 13:
      return { steps: [send(`${head}${signed}content-encoding: gzip\r\n${length}\r\n${body}`), end] };
    case 14:
      return { steps: [] };
    default:
      return { steps: [send(`${head}${signed}${length}\r\n${body}`), end] };
  }
}

const start = frame(frameTypes.settings, 0, 0, settings([]));
const ack = frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0));

/** Returns an answer of HTTP/2 of a server that breaks the rules of gRPC. The first call has stream 1. */
export function hostileGrpc(random: Random): HostileAnswer {
  const ok = headerBlock([
    [':status', random.pick(['200', '200', '404', '999'])],
    ['content-type', random.pick(['application/grpc', 'text/html'])],
    ['x-meshmock', 'a/v1'],
  ]);
  const trailers = headerBlock([
    ['grpc-status', random.pick(['0', '13', '99', 'x', '-1'])],
    ['grpc-message', mutate(random, '%zz%41')],
    ['grpc-status-details-bin', random.id(random.below(3000))],
  ]);
  const headers = frame(frameTypes.headers, flags.endHeaders, 1, ok);
  const data = (message: Buffer, length?: number): Buffer => frame(frameTypes.data, 0, 1, grpcMessage(message, length));
  const last = frame(frameTypes.headers, flags.endHeaders | flags.endStream, 1, trailers);
  const head = [send(start), send(ack)];
  switch (random.below(10)) {
    case 0:
      return { steps: [random.pick([reset, end])] };
    case 1:
      return { steps: [send(start)] };
    case 2:
      return { steps: [...head, send(headers), send(data(random.bytes(100), 0xffffffff)), send(last)] };
    case 3:
      return { steps: [...head, send(headers), send(data(random.bytes(random.below(300)))), send(last)] };
    case 4:
      return { steps: [...head, send(frame(frameTypes.goaway, 0, 0, Buffer.concat([uint32(0), uint32(11)])))] };
    case 5:
      return { steps: [...head, send(headers)], endless: data(Buffer.alloc(4000)) };
    case 6:
      return { steps: head, endless: frame(frameTypes.ping, 0, 0, Buffer.alloc(8)) };
    case 7:
      return { steps: [...head, send(frame(frameTypes.reset, 0, 1, uint32(random.below(14))))] };
    case 8:
      return { steps: [...head, send(random.bytes(100)), end] };
    default:
      return { steps: [...head, send(headers), send(last), send(last)] };
  }
}
