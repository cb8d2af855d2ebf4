import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Packet } from 'dns-packet';
import { bridgeAddress } from './network.ts';

/** Short, because addresses of pods change. */
const ttlSeconds = 1;
/** RFC 1035 section 4.1.1. */
const nameError = 3;
const authoritative = 1 << 10;

/**
 * Starts the name server of a local mesh, for the names that a sidecar's own DNS does not know.
 *
 * @param lookup returns the addresses of a name, or undefined for an unknown name, which is answered with NXDOMAIN
 */
export async function startDns(lookup: (name: string) => readonly string[] | undefined): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => {
    const answer = answerQuery(message, lookup);
    if (answer !== undefined) socket.send(answer, port, address, () => {});
  });
  socket.bind(53, bridgeAddress);
  await once(socket, 'listening');
}

/** Returns the answer to a query, or undefined for a message that cannot be decoded or answered. */
function answerQuery(message: Buffer, lookup: (name: string) => readonly string[] | undefined): Buffer | undefined {
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
