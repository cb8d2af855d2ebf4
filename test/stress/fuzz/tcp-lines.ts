import type { Random } from '../../random.ts';
import { attackOf, deadlineMs, marginMs } from '../attack.ts';
import { expectEnd, inPieces, type Step } from '../raw-connection.ts';
import { randomConnection } from './http-requests.ts';
import { randomConnectionFrames } from './http2-frames.ts';
import { mutate, randomPath } from './paths.ts';

/** Connections to the port for TCP: lines of any bytes, HTTP, which it takes too, and HTTP/2. */
export const tcpLines = attackOf<readonly Step[]>({
  name: 'tcp-lines',
  casesInRound: 150,
  atOnce: 30,
  maxGrowthMB: 30,
  make(random) {
    if (random.chance(0.15)) return randomConnection(random).steps;
    let bytes = random.chance(0.15) ? randomConnectionFrames(random) : randomLines(random);
    if (random.chance(0.2)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
    const cuts = random.chance(0.4) ? random.some(6, () => random.below(bytes.length + 1)) : [];
    return [...inPieces(bytes, cuts), { kind: random.chance(0.8) ? 'end' : 'reset' }];
  },
  run: (steps, { service }) => expectEnd(service.tcpPort, steps, deadlineMs + marginMs),
});

/** Returns lines, some of them empty, long, broken or cut off. */
function randomLines(random: Random): Buffer {
  const lines = random.some(8, () =>
    Buffer.concat([randomLine(random), Buffer.from(random.pick(['\n', '\n', '\r\n', '']))]),
  );
  return Buffer.concat(lines);
}

function randomLine(random: Random): Buffer {
  switch (random.below(6)) {
    case 0:
      return random.bytes(random.below(200));
    case 1:
      return Buffer.alloc(random.pick([0, 65_535, 65_536, 65_537, 200_000]), 'x');
    case 2:
      return Buffer.from(mutate(random, 'GET /x HTTP/1.1'));
    case 3:
      return Buffer.from(mutate(random, '{"service":"a","status":200}'));
    default:
      return Buffer.from(randomPath(random));
  }
}
