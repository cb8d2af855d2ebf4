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
import { expectEnd, inPieces, type Step } from '../raw-connection.ts';
import { mutate, randomPath } from './paths.ts';
import { randomTraceHeaders } from './trace-headers.ts';

/** Connections to the gRPC port with frames that are wrong, in a wrong order, or too many. */
export const http2Frames = attackOf<readonly Step[]>({
  name: 'http2-frames',
  casesInRound: 150,
  atOnce: 30,
  maxGrowthMB: 30,
  make(random) {
    let bytes = randomConnectionFrames(random);
    if (random.chance(0.2)) bytes = flipBytes(random, bytes);
    if (random.chance(0.2)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
    const cuts = random.chance(0.3) ? random.some(4, () => random.below(bytes.length + 1)) : [];
    return [...inPieces(bytes, cuts), { kind: random.chance(0.8) ? 'end' : 'reset' }];
  },
  run: (steps, { service }) => expectEnd(service.grpcPort, steps, deadlineMs + marginMs),
});

/** Returns the bytes of a connection: mostly its preface, then frames. */
export function randomConnectionFrames(random: Random): Buffer {
  const start = random.chance(0.95) ? [preface, frame(frameTypes.settings, 0, 0, settings([]))] : [random.bytes(30)];
  return Buffer.concat([...start, ...random.some(12, () => randomFrames(random)).flat()]);
}

function flipBytes(random: Random, given: Buffer): Buffer {
  const bytes = Buffer.from(given);
  for (let count = 0; count <= random.below(6) && bytes.length > 0; count++)
    bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

function streamId(random: Random): number {
  return random.chance(0.9) ? 1 + 2 * random.below(6) : random.pick([0, 2, 0x7fffffff, 0x80000001]);
}

/** Returns frames that belong together. */
function randomFrames(random: Random): Buffer[] {
  const stream = streamId(random);
  switch (random.below(10)) {
    case 0:
      return [
        frame(frameTypes.settings, random.pick([0, 0, flags.ack]), random.pick([0, 0, stream]), randomSettings(random)),
      ];
    case 1:
      return [frame(frameTypes.ping, random.pick([0, flags.ack]), 0, random.bytes(random.pick([8, 8, 7, 9])))];
    case 2:
      return [frame(frameTypes.reset, 0, stream, uint32(random.below(20)))];
    case 3:
      return [
        frame(frameTypes.windowUpdate, 0, random.pick([0, stream]), uint32(random.pick([0, 1, 65_535, 0x7fffffff]))),
      ];
    case 4:
      return [
        frame(
          random.below(256),
          random.below(256),
          stream,
          random.bytes(random.below(60)),
          random.pick([0, 10, 16_385]),
        ),
      ];
    case 5:
      return [frame(frameTypes.goaway, 0, 0, Buffer.concat([uint32(stream), uint32(random.below(14))]))];
    default:
      return randomCall(random, stream);
  }
}

function randomSettings(random: Random): Buffer {
  const values = [0, 1, 65_535, 16_384, 0x7fffffff, 0xffffffff];
  return settings(random.some(5, () => [random.pick([1, 2, 3, 4, 5, 6, 8, 0xffff]), random.pick(values)] as const));
}

const otherPaths = ['/', '/a/b', '', '/grpc.health.v1.Health/Watch', '/shop.Basket/Get', '/shop.Basket/Get'];

function randomHeaders(random: Random): [string, string][] {
  const plan: [string, string][] = random.chance(0.1) ? [['x-meshmock-plan', randomPath(random)]] : [];
  return random.chance(0.3) ? [...randomTraceHeaders(random), ...plan] : plan;
}

/** Returns the frames of one call: its headers, often in several frames, and its message. */
function randomCall(random: Random, stream: number): Buffer[] {
  const method = random.chance(0.8) ? `/${callMethod}` : random.pick(otherPaths);
  const more = randomHeaders(random);
  if (random.chance(0.3)) more.push(['grpc-timeout', random.chance(0.5) ? '50m' : mutate(random, '1S')]);
  if (random.chance(0.1)) more.push(['grpc-encoding', random.pick(['gzip', 'deflate', 'x'])]);
  if (random.chance(0.1)) more.push(['x-bin', mutate(random, 'AAAA')], ['Upper', 'x'], ['connection', 'close']);
  const block = headerBlock(callHeaders(method, more));
  const cut = random.chance(0.2) ? random.below(block.length) : block.length;
  const head = [
    frame(frameTypes.headers, cut === block.length ? flags.endHeaders : 0, stream, block.subarray(0, cut)),
    ...(cut === block.length ? [] : [frame(frameTypes.continuation, flags.endHeaders, stream, block.subarray(cut))]),
  ];
  if (random.chance(0.1)) return head;
  const request = random.chance(0.8) ? encodeRequest({ path: randomPath(random) }) : random.bytes(random.below(200));
  const length = random.chance(0.9) ? request.length : random.pick([0, 1, 70_000, 0xffffffff]);
  const message = grpcMessage(request, length, random.chance(0.95) ? 0 : 1);
  return [...head, frame(frameTypes.data, random.chance(0.9) ? flags.endStream : 0, stream, message)];
}
