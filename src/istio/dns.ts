import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Packet } from 'dns-packet';
import { bridgeAddress } from './network.ts';

/** Short, since addresses of pods change. */
const ttlSeconds = 1;
/** RFC 1035 section 4.1.1. */
const nameError = 3;
const authoritative = 1 << 10;

/**
 * The name server of a bed, for what a sidecar's own does not know: an address for each name that `lookup` knows,
 * and for any other name the answer that there is none, at once.
 */
export async function startDns(lookup: (name: string) => readonly string[] | undefined): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => {
    const answer = answerTo(message, lookup);
    if (answer !== undefined) socket.send(answer, port, address, () => {});
  });
  socket.bind(53, bridgeAddress);
  await once(socket, 'listening');
}

/** Nothing for what is no query, or cannot be answered in this form. */
function answerTo(message: Buffer, lookup: (name: string) => readonly string[] | undefined): Buffer | undefined {
  try {
    return encode(packetFor(decode(message), lookup));
  } catch {
    return undefined;
  }
}

function packetFor(query: Packet, lookup: (name: string) => readonly string[] | undefined): Packet {
  const [question] = query.questions ?? [];
  const addresses = question === undefined ? undefined : lookup(question.name.toLowerCase());
  const answers =
    question?.type === 'A'
      ? (addresses ?? []).map((data) => ({ type: 'A' as const, name: question.name, ttl: ttlSeconds, data }))
      : [];
  return {
    type: 'response',
    id: query.id ?? 0,
    flags: authoritative | (addresses === undefined ? nameError : 0),
    questions: query.questions ?? [],
    answers,
  };
}
