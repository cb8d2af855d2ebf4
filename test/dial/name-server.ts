import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { type Answer, decode, encode, type Packet } from 'dns-packet';

/** Question that arrived at a name server. */
export interface Question {
  /** Name in lower case. */
  readonly name: string;
  readonly type: string;
}

/** Answer to a question: addresses and aliases, a failure, or none. */
export type NameAnswer = readonly Answer[] | 'unknown' | 'failure' | 'silence';

export interface NameServer extends AsyncDisposable {
  /** Address for `nameserver`, with the port. */
  readonly address: string;
  readonly questions: readonly Question[];
  /** Waits until the names have been asked for. Rejects after thirty seconds. */
  asked(names: readonly string[]): Promise<void>;
}

const maxWaitMs = 30_000;

const rcodes = { unknown: 3, failure: 2 };

/** Starts a name server that answers as the test decides. */
export async function startNameServer(
  answer: (question: Question) => NameAnswer,
  at: { readonly address: string; readonly port: number } = { address: '127.0.0.1', port: 0 },
): Promise<NameServer> {
  const questions: Question[] = [];
  const arrived = new EventEmitter();
  const socket = createSocket(at.address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message, client) => {
    const query = decode(message);
    const [asked] = query.questions ?? [];
    if (asked === undefined) return;
    const question = { name: asked.name.toLowerCase(), type: asked.type };
    questions.push(question);
    arrived.emit('question');
    const found = answer(question);
    if (found === 'silence') return;
    const answers = typeof found === 'string' ? [] : found;
    const flags = 0x400 | (typeof found === 'string' ? rcodes[found] : 0);
    const packet: Packet = { type: 'response', id: query.id ?? 0, flags, questions: [asked], answers: [...answers] };
    socket.send(encode(packet), client.port, client.address);
  });
  socket.bind(at.port, at.address);
  await once(socket, 'listening');
  return {
    address: `${at.address}:${socket.address().port}`,
    questions,
    async asked(names) {
      const signal = AbortSignal.timeout(maxWaitMs);
      while (!names.every((name) => questions.some((question) => question.name === name)))
        await once(arrived, 'question', { signal });
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Returns the records of a name for one type of question: those of other types are an empty answer. */
export function records({ name, type }: Question, addresses: readonly string[], ttl = 0): readonly Answer[] {
  return addresses
    .map((data): Answer => ({ type: data.includes(':') ? 'AAAA' : 'A', name, ttl, data }))
    .filter((record) => record.type === type);
}
