import { defaultBudgetLimits } from '../../../src/execute/budgets/limits.ts';
import { encodeRequest } from '../../../src/grpc/codec.ts';
import { callMethod } from '../../../src/reply/reply.ts';
import {
  callHeaders,
  flags,
  frame,
  frameTypes,
  grpcMessage,
  headerBlock,
  preface,
  settings,
  uint32,
} from '../../http2-wire.ts';
import type { Random } from '../../random.ts';
import { attackOf, deadlineMs, marginMs } from '../attack.ts';
import { connectAndSend, type Step } from '../raw-connection.ts';

/** Many bytes on one connection, in few writes. */
interface Flood {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  readonly bytes: Buffer;
  /** Time for which the client does not read, in milliseconds. */
  readonly pauseMs: number;
}

/** Maximum number of pipelined requests. */
const mostPipelined = 500;

/** Time in which a service answers as many requests that hang, in milliseconds. It runs a few of a connection at a time. */
const pipelinedMs = Math.ceil(mostPipelined / defaultBudgetLimits.maxPipelined) * deadlineMs;

/** Floods of both protocols. Other requests must be answered meanwhile, and the connections must end. */
export const floods = attackOf<Flood>({
  name: 'floods',
  casesInRound: 12,
  atOnce: 4,
  maxGrowthMB: 60,
  make: (random) => randomFlood(random),
  async run({ name, protocol, bytes, pauseMs }, { service }) {
    const steps: Step[] = [{ kind: 'send', bytes }, { kind: 'pause', ms: pauseMs }, { kind: 'end' }];
    const port = protocol === 'http' ? service.httpPort : service.grpcPort;
    const [{ kind }] = await Promise.all([connectAndSend(port, steps, pipelinedMs + marginMs), service.check()]);
    if (kind === 'hang' || kind === 'refused') throw new Error(`${kind} after the flood of ${name}`);
  },
});

const pipelined = ['/x', '/~hang/x', '/~size=10KB/x', '/@a|b/x', '/~close/x', '/-/healthy', '/~delay=1ms/x'];

function randomFlood(random: Random): Flood {
  const pauseMs = random.pick([0, 0, 50, 300]);
  if (random.chance(0.4)) {
    const path = random.pick(pipelined);
    const request = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    return {
      name: `pipelined ${path}`,
      protocol: 'http',
      bytes: Buffer.from(request.repeat(1 + random.below(mostPipelined))),
      pauseMs,
    };
  }
  const [name, frames] = random.pick(Object.entries(floodsOfFrames));
  const bytes = Buffer.concat([preface, frame(frameTypes.settings, 0, 0, settings([])), ...frames(random)]);
  return { name, protocol: 'grpc', bytes, pauseMs };
}

const repeat = (count: number, make: (index: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, at) => make(at));
const headers = headerBlock(callHeaders(`/${callMethod}`));
const open = (index: number, flag = 0): Buffer =>
  frame(frameTypes.headers, flags.endHeaders | flag, 1 + 2 * index, headers);
const call = (path: string, index: number): Buffer =>
  Buffer.concat([
    open(index),
    frame(frameTypes.data, flags.endStream, 1 + 2 * index, grpcMessage(encodeRequest({ path }))),
  ]);

const floodsOfFrames: Readonly<Record<string, (random: Random) => Buffer[]>> = {
  settings: () => repeat(2000, () => frame(frameTypes.settings, 0, 0, settings([[3, 100]]))),
  ping: () => repeat(5000, () => frame(frameTypes.ping, 0, 0, Buffer.alloc(8))),
  'empty data': () => [open(0), ...repeat(5000, () => frame(frameTypes.data, 0, 1, Buffer.alloc(0)))],
  'rapid reset': () =>
    repeat(1000, (index) => Buffer.concat([open(index), frame(frameTypes.reset, 0, 1 + 2 * index, uint32(8))])),
  'rapid reset of calls': () =>
    repeat(500, (index) => Buffer.concat([call('/@a/x', index), frame(frameTypes.reset, 0, 1 + 2 * index, uint32(8))])),
  'open streams': () => repeat(500, (index) => open(index)),
  'hanging calls': () => repeat(300, (index) => call('/~hang/x', index)),
  'calls without a window': () => [
    frame(frameTypes.settings, 0, 0, settings([[4, 0]])),
    ...repeat(100, (index) => call('/~size=100KB/x', index)),
  ],
  continuation: () => [
    frame(frameTypes.headers, 0, 1, headers),
    ...repeat(500, () => frame(frameTypes.continuation, 0, 1, headerBlock([['x', 'y'.repeat(200)]]))),
  ],
  priority: () => repeat(5000, (index) => frame(frameTypes.priority, 0, 1 + 2 * index, Buffer.alloc(5))),
  'window update': () => repeat(5000, () => frame(frameTypes.windowUpdate, 0, 0, uint32(1))),
};
