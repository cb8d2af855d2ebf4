import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { decode, encode, type OptAnswer, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';
import { nodeAddress } from './addresses.ts';
import { answerQuery, type DnsAnswer } from './cluster-dns.ts';
import type { ClusterRecords } from './cluster-records.ts';

export interface DnsServerOptions {
  /** Returns the records of the cluster as they are now. */
  readonly records: () => ClusterRecords;
  /** Address of the node by default. */
  readonly address?: string;
  /** Port, 53 by default; 0 for any. */
  readonly port?: number;
}

/** RFC 1035 section 4.1.1. */
const rcodes = { NOERROR: 0, NXDOMAIN: 3, REFUSED: 5 } as const;
const authoritative = 1 << 10;
const recursionDesired = 1 << 8;
const opcodeMask = 0x7800;

/** Sizes of answers over UDP, in bytes: RFC 1035 section 4.2.1, and the size that resolvers agreed on. */
const plainBytes = 512;
const extendedBytes = 1232;
const maxBytes = 65_535;

const idleMs = 10_000;

/**
 * Starts the name server of a cluster, over UDP and TCP. It ends when the signal aborts.
 *
 * @returns its port, which differs from that of the options if that is 0
 * @example await startDnsServer({ records: () => current }, signal)
 */
export async function startDnsServer(options: DnsServerOptions, signal: AbortSignal): Promise<number> {
  const { records, address = nodeAddress, port = 53 } = options;
  const udp = createSocket({ type: 'udp4', signal });
  udp.on('message', (query, client) => {
    const answer = answerMessage(query, records(), undefined);
    if (answer !== undefined) udp.send(answer, client.port, client.address, () => {});
  });
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    serveConnection(socket, records);
  });
  signal.addEventListener('abort', () => {
    for (const socket of connections) socket.destroy();
  });
  tcp.listen({ port, host: address, signal });
  await once(tcp, 'listening', { signal });
  const { port: actual } = tcp.address() as AddressInfo;
  udp.bind(actual, address);
  await once(udp, 'listening', { signal });
  return actual;
}

/** Answers the queries of a connection, each with its length in two bytes before it. */
function serveConnection(socket: Socket, records: () => ClusterRecords): void {
  let received: Buffer = Buffer.alloc(0);
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk as Buffer]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const answer = answerMessage(received.subarray(2, end), records(), maxBytes);
      received = received.subarray(end);
      if (answer === undefined) {
        socket.destroy();
        return;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
}

/**
 * Returns the answer to a message, or undefined for a message that is not a query.
 *
 * @param limitBytes maximum size of the answer; undefined for the size that the query allows over UDP
 */
export function answerMessage(
  message: Buffer,
  records: ClusterRecords,
  limitBytes: number | undefined,
): Buffer | undefined {
  try {
    const query = decode(message);
    const question = query.questions?.[0];
    if (query.type !== 'query' || question === undefined || ((query.flags ?? 0) & opcodeMask) !== 0) return undefined;
    const requested = query.additionals?.find((one) => one.type === 'OPT')?.udpPayloadSize;
    const limit = limitBytes ?? Math.min(Math.max(requested ?? plainBytes, plainBytes), extendedBytes);
    return limited(query, inAnyOrder(answerQuery(question, records)), limit);
  } catch {
    return undefined;
  }
}

/** Encodes an answer. If it is too large, records at its end are left out, and the client asks again over TCP. */
function limited(query: Packet, answer: DnsAnswer, limitBytes: number): Buffer {
  for (let { answers, additionals } = answer, isCut = false; ; isCut = true) {
    const packet = encode(packetOf(query, { ...answer, answers, additionals }, isCut));
    if (packet.length <= limitBytes || answers.length + additionals.length === 0) return packet;
    if (additionals.length > 0) additionals = additionals.slice(0, -1);
    else answers = answers.slice(0, -1);
  }
}

function packetOf(query: Packet, { rcode, answers, authorities, additionals }: DnsAnswer, isCut: boolean): Packet {
  const isExtended = query.additionals?.some(({ type }) => type === 'OPT') ?? false;
  const extension: OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: extendedBytes,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return {
    type: 'response',
    id: query.id ?? 0,
    flags: authoritative | ((query.flags ?? 0) & recursionDesired) | (isCut ? TRUNCATED_RESPONSE : 0) | rcodes[rcode],
    questions: query.questions ?? [],
    answers: [...answers],
    authorities: [...authorities],
    additionals: [...additionals, ...(isExtended ? [extension] : [])],
  };
}

/** Puts addresses in random order, so that clients that use the first one share the endpoints. */
function inAnyOrder(answer: DnsAnswer): DnsAnswer {
  const aliases = answer.answers.filter(({ type }) => type === 'CNAME');
  const others = answer.answers
    .filter(({ type }) => type !== 'CNAME')
    .map((record) => ({ record, order: Math.random() }));
  return { ...answer, answers: [...aliases, ...others.sort((a, b) => a.order - b.order).map(({ record }) => record)] };
}
