import { once } from 'node:events';
import http2 from 'node:http2';
import { encodeRequest } from '../../../src/grpc/codec.ts';
import { callMethod } from '../../../src/reply/reply.ts';
import { grpcMessage } from '../../http2-wire.ts';
import type { Random } from '../../random.ts';
import { attackOf, deadlineMs, marginMs } from '../attack.ts';
import { shown } from '../raw-connection.ts';
import { randomPath } from './paths.ts';

/** Messages of one connection. All of them are sent at once. */
type Messages = readonly Buffer[];

/** Calls over proper HTTP/2 whose messages are plans, broken plans and random protobuf. Each must get a status. */
export const grpcMessages = attackOf<Messages>({
  name: 'grpc-messages',
  casesInRound: 60,
  atOnce: 10,
  maxGrowthMB: 30,
  make: (random) => Array.from({ length: 1 + random.below(8) }, () => randomMessage(random)),
  requestsIn: (messages) => messages.length,
  async run(messages, { service }) {
    const session = http2.connect(`http://127.0.0.1:${service.grpcPort}`);
    session.on('error', () => {});
    try {
      await Promise.all(messages.map((message) => statusOf(session, message)));
    } finally {
      session.destroy();
    }
  },
});

async function statusOf(session: http2.ClientHttp2Session, message: Buffer): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${callMethod}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(grpcMessage(message));
  stream.resume();
  let status: unknown;
  stream.on('response', (headers) => (status ??= headers['grpc-status']));
  stream.on('trailers', (trailers) => (status ??= trailers['grpc-status']));
  const signal = AbortSignal.timeout(deadlineMs + marginMs);
  await once(stream, 'close', { signal }).catch((error: unknown) => {
    throw new Error(`${error} after ${shown(message)}`);
  });
  if (!/^\d+$/.test(String(status))) throw new Error(`no status after ${shown(message)}`);
}

function randomMessage(random: Random): Buffer {
  const valid = encodeRequest({ path: randomPath(random) });
  switch (random.below(5)) {
    case 0:
      return random.bytes(random.below(200));
    case 1:
      return Buffer.concat([valid, fieldText(random, 4)]);
    case 2:
      return valid.subarray(0, random.below(valid.length + 1));
    case 3:
      return fieldText(random, random.pick([3, 30, 300]));
    default:
      return valid;
  }
}

/** Returns a protobuf message whose fields are nested up to a depth. */
function fieldText(random: Random, depth: number): Buffer {
  const field = 1 + random.below(6);
  if (depth === 0) return Buffer.concat([Buffer.from([field << 3]), varint(random.below(2 ** 31))]);
  // Deep messages do not branch, since they would become too large.
  const length = depth <= 20 && random.chance(0.2) ? 2 : 1;
  const inner = Buffer.concat(Array.from({ length }, () => fieldText(random, depth - 1)));
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint(inner.length), inner]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
