import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Attacked, containerBytes, startAttacked, until } from '../../attack/attacked.ts';
import { connect, httpRequest } from '../../attack/raw-connection.ts';
import { call, openCall, preface } from '../../attack/raw-http2.ts';
import type { Random } from '../../random.ts';
import type { Scenario } from '../stress-run.ts';

const maxClients = 200;
/** Maximum time of an answer to a probe, in milliseconds: the service lives, also on a busy machine. */
const maxProbeMs = 60_000;
/** The longest default deadline of a request, the time of a client that does not read, and a margin. */
const maxEndMs = 60_000;

/**
 * Clients that know what takes memory: large answers, repeats, trees, open requests, over both protocols, reading or not. The
 * service has its default flags and the memory of its container.
 */
export const memory: Scenario = {
  name: 'memory',
  async start() {
    const leaf = await startAttacked(['--max-queue-time', '0']);
    const attacked = await startAttacked([], containerBytes);
    const descriptors = attacked.descriptors();
    let peakBytes = 0;
    let probeMs = 0;
    let refused = 0;
    return {
      async round(random, signal) {
        let clients = 0;
        const waves: Promise<void>[] = [];
        while (clients < maxClients && (waves.length === 0 || random.chance(0.8))) {
          const wave = randomWave(random, attacked, leaf, maxClients - clients);
          clients += wave.clients;
          waves.push(run(wave, signal));
        }
        const attack = Promise.all(waves);
        do {
          peakBytes = Math.max(peakBytes, attacked.residentBytes());
          probeMs = Math.max(probeMs, await probe(attacked));
        } while (!(await Promise.race([attack.then(() => true), sleep(100, false)])));
        return clients;
      },
      async finish() {
        await until('nothing is held', maxEndMs, async () => {
          const { requests_in_flight, held_bytes, memory_bytes, ...rest } = await attacked.metrics();
          refused = sum(Object.entries(rest).filter(([name]) => name.startsWith('refused')));
          return [requests_in_flight, held_bytes, memory_bytes].every((value) => value === undefined);
        });
        await until('the connections are closed', maxEndMs, () => attacked.descriptors() < descriptors + 30);
        await probe(attacked);
        const bytes = attacked.residentBytes();
        return `${refused} refused; at most ${megabytes(Math.max(peakBytes, bytes))}, now ${megabytes(bytes)}; probes within ${Math.round(probeMs)} ms`;
      },
      async [Symbol.asyncDispose]() {
        await attacked[Symbol.asyncDispose]();
        await leaf[Symbol.asyncDispose]();
      },
    };
  },
};

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

const sum = (entries: readonly [string, number][]): number => entries.reduce((total, [, value]) => total + value, 0);

/** Checks that the service runs and answers its probe. Returns the time of the answer, in milliseconds. */
async function probe(attacked: Attacked): Promise<number> {
  assert.equal(attacked.end, undefined);
  const startedAt = performance.now();
  const answer = await Promise.race([attacked.probe().catch(String), sleep(maxProbeMs, 'no answer', { ref: false })]);
  if (answer !== 200) {
    // The end of a process is known a moment after its connections.
    await sleep(1000);
    assert.equal(answer, 200, `the probe: ${answer}; ${attacked.end ?? 'the service runs'}`);
  }
  return performance.now() - startedAt;
}

/** Clients that each send the same bytes. */
interface Wave {
  readonly clients: number;
  readonly port: number;
  readonly bytes: string | Buffer;
  readonly reads: boolean;
  /** Time after which the clients leave, in milliseconds. */
  readonly staysMs: number;
}

async function run({ clients, port, bytes, reads, staysMs }: Wave, signal: AbortSignal): Promise<void> {
  const open = await Promise.all(Array.from({ length: clients }, () => connect(port, { reads: false })));
  try {
    for (const client of open) {
      if (reads) client.socket.resume();
      client.send(bytes);
    }
    await sleep(staysMs, undefined, { signal });
  } finally {
    for (const client of open) client[Symbol.dispose]();
  }
}

function randomWave(random: Random, attacked: Attacked, leaf: Attacked, most: number): Wave {
  const clients = 1 + random.below(random.pick([10, most, most]));
  const staysMs = random.pick([200, 1000, 3000, 15_000]);
  const path = randomPath(random, attacked, leaf);
  const reads = random.chance(0.5);
  const isGrpc = random.chance(0.5);
  const port = isGrpc ? attacked.grpcPort : attacked.httpPort;
  return { clients, port, staysMs, reads, bytes: (isGrpc ? grpcBytes : httpBytes)(random, path) };
}

function httpBytes(random: Random, path: string): string {
  const large = random.chance(0.2) ? [`x: ${'y'.repeat(random.below(60_000))}`] : [];
  const request = httpRequest(path, ...large, ...(random.chance(0.2) ? ['x-meshmock-timeout: 60s'] : []));
  if (random.chance(0.1)) return request.slice(0, -2);
  return request.repeat(random.chance(0.3) ? 1 + random.below(300_000 / request.length) : 1);
}

function grpcBytes(random: Random, path: string): Buffer {
  const count = random.chance(0.3) ? 1 + random.below(Math.min(1000, 1_000_000 / path.length)) : 1;
  const isOpen = random.chance(0.1);
  const calls = Array.from({ length: count }, (_, at) => (isOpen ? openCall(1 + 2 * at) : call(1 + 2 * at, path)));
  return Buffer.concat([preface(random.pick([0, 1, 65_535, 2 ** 31 - 1])), ...calls]);
}

/** Returns a plan whose answer, calls or directives take memory. */
function randomPath(random: Random, attacked: Attacked, leaf: Attacked): string {
  const targets = [attacked, attacked, leaf].flatMap(({ httpPort, grpcPort }) => [
    `127.0.0.1:${httpPort}`,
    `grpc:127.0.0.1:${grpcPort}`,
  ]);
  const stage = (): string =>
    `/@${[random.pick(targets), ...random.some(8, () => random.pick(targets) + (random.chance(0.2) ? `*${1 + random.below(300)}` : ''))].join('|')}`;
  const end = random.pick([
    '/~size=10MB',
    '/~size=1MB',
    '/~size=30MB',
    '/~hang',
    '/~memory=50MB/~delay=2s',
    '/~memory=150MB',
    '/~cpu=50ms',
    '/~delay=1us'.repeat(1 + random.below(3000)),
    `/~body=${'x'.repeat(1 + random.below(20_000))}`,
    '',
  ]);
  const stages = random.chance(0.3) ? '' : Array.from({ length: 1 + random.below(4) }, stage).join('');
  return `${stages}${end}/x`;
}
