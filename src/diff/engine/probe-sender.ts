import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Client } from '../../execute/client.ts';
import { runConcurrently } from '../../execute/concurrency/run-concurrently.ts';
import type { Scheme } from '../../plan/plan.ts';
import type { CallResult } from '../../reply/reply.ts';
import { type BatchSettings, type CallRoute, openClient, sendBatch } from '../../send/request-batch.ts';
import { calleeDirectives } from '../callee-directives.ts';
import { delayedConcurrency } from '../compare/delays.ts';
import type { MirroredCopies, Probe } from '../model.ts';
import { mayBeByChance } from './chance-answers.ts';
import type { ComparisonMesh } from './comparison-mesh.ts';
import { withMirrorCounts } from './mirror-counts.ts';
import { type ProbeEntries, probeRoute, type TokenParts } from './probe-routes.ts';

/** Answers to the requests of one probe. */
export interface ProbeAnswers {
  readonly probe: Probe;
  /** None if the mock of the caller answers without a call, as its own directives say. */
  readonly answers: readonly CallResult[];
  /** Copies of the requests that other services got. */
  readonly mirrors: readonly MirroredCopies[];
}

export interface SenderOptions {
  readonly userAgent: string;
  /** Returns the headers and the path of a request, with its token. */
  readonly tokenParts: (probe: Probe) => TokenParts;
  /** Clusters that get copies of the requests of a probe, by its id. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
  /** Hosts of the Services that receive the requests of a probe, by its id. */
  readonly callees: ReadonlyMap<string, readonly string[]>;
}

/** Maximum time of one request, in milliseconds. Longer timeouts of routes are not compared. */
const requestTimeoutMs = 15_000;
/** The same over TCP, where a refused connection may stay open without an answer. */
const tcpTimeoutMs = 3000;
/** Callers that send at the same time. */
const concurrency = 8;

/**
 * Sends the requests of probes to a mesh. Probes that need another behaviour of their callee run after the others, one
 * callee after another, because the behaviour applies to all requests.
 *
 * @throws MeshmockError `canceled` when the signal is aborted
 */
export async function sendProbes(
  probes: readonly Probe[],
  mesh: ComparisonMesh,
  options: SenderOptions,
  signal: AbortSignal,
): Promise<Map<string, ProbeAnswers>> {
  await using clients = new Clients();
  const entries = await mesh.entries(signal);
  const found = new Map<string, ProbeAnswers>();
  const startsUntilMs = performance.now() + longestStartMs;
  const sendOne = async (probe: Probe): Promise<void> => {
    const action = (): Promise<CallResult[]> => answersTo(probe, { clients, entries, options, startsUntilMs }, signal);
    const copied = options.mirrors.get(probe.id);
    const seen =
      copied === undefined || probe.mode.kind === 'slow'
        ? { answers: await action(), mirrors: [] }
        : await withMirrorCounts(mesh, copied, action, signal);
    found.set(probe.id, { probe, ...seen });
  };
  // Envoy prefers pods with fewer active requests. So the requests of one caller follow one another.
  const send = async (some: readonly Probe[], parallel = concurrency): Promise<void> => {
    const ofCallers = [...Map.groupBy(some, ({ caller }) => JSON.stringify(caller)).values()];
    await runConcurrently(
      ofCallers.length,
      parallel,
      () => !signal.aborted,
      async (index) => {
        for (const probe of ofCallers[index] ?? []) if (!signal.aborted) await sendOne(probe);
      },
    );
    if (signal.aborted) throw new MeshmockError('canceled', 'stopped');
  };
  const usual = probes.filter((probe) => calleeDirectives(probe) === undefined);
  await send(usual.filter(({ id }) => !options.mirrors.has(id)));
  // Copies are counted by counters of the proxies, which know nothing of probes.
  await send(
    usual.filter(({ id }) => options.mirrors.has(id)),
    1,
  );
  const calleesOf = ({ id, destination, mode }: Probe): readonly string[] => {
    const all = options.callees.get(id) ?? [destination.host];
    // One callee that is slow or fails is enough, and each of them may answer with headers.
    return mode.kind === 'answer_headers' ? all : all.slice(0, 1);
  };
  for (const kind of ['slow', 'answer_headers', 'failing', 'burst', 'ejection'] as const) {
    const ofKind = probes.filter((probe) => probe.mode.kind === kind && calleeDirectives(probe) !== undefined);
    const parallel = kind === 'slow' || kind === 'answer_headers' ? concurrency : 1;
    for (const some of Map.groupBy(ofKind, (probe) => `${calleeDirectives(probe)} ${calleesOf(probe).join()}`).values())
      await sendWithBehaviour(some, { mesh, calleesOf, send: (them) => send(them, parallel) }, signal);
  }
  return found;
}

interface BehaviourSender {
  readonly mesh: ComparisonMesh;
  /** Returns the hosts of the Services that receive the requests of a probe and follow its directives. */
  readonly calleesOf: (probe: Probe) => readonly string[];
  readonly send: (probes: readonly Probe[]) => Promise<void>;
}

/** Sends probes that need the same behaviour of the same callees. Without mocks of the callee they have no answers. */
async function sendWithBehaviour(
  probes: readonly Probe[],
  { mesh, calleesOf, send }: BehaviourSender,
  signal: AbortSignal,
): Promise<void> {
  const [first] = probes;
  const directives = first === undefined ? undefined : calleeDirectives(first);
  if (first === undefined || directives === undefined) return;
  let isFollowed = false;
  await using behaviours = new AsyncDisposableStack();
  for (const host of calleesOf(first)) {
    const pod = await mesh.podOf(host, signal);
    if (pod === undefined) continue;
    // Ejection shows only if other pods do not fail.
    const behaviour = first.mode.kind === 'ejection' ? `${directives}:pod=${pod}` : directives;
    behaviours.use(await mesh.behaviour(host, behaviour, signal));
    isFollowed = true;
  }
  if (isFollowed) await send(probes);
}

/** Returns how often a probe is sent, and how many of its requests at the same time. */
function timesOf({ mode }: Probe): Pick<BatchSettings, 'repeat' | 'concurrency'> {
  switch (mode.kind) {
    case 'plain':
    case 'slow':
    case 'failing':
      return { repeat: 1, concurrency: 1 };
    case 'delayed':
      return { repeat: mode.count, concurrency: mode.isCertain ? 1 : delayedConcurrency };
    case 'shares':
    case 'ejection':
    case 'answer_headers':
      return { repeat: mode.count, concurrency: 1 };
    case 'burst':
      return { repeat: mode.count, concurrency: mode.count };
  }
}

/** Parts that all requests of a phase share. */
interface SenderState {
  readonly clients: Clients;
  readonly entries: ProbeEntries;
  readonly options: SenderOptions;
  /** Time until which mocks of pods that were replaced may still start. */
  readonly startsUntilMs: number;
}

async function answersTo(
  probe: Probe,
  { clients, entries, options: { userAgent, tokenParts }, startsUntilMs }: SenderState,
  signal: AbortSignal,
): Promise<CallResult[]> {
  const limitMs = probe.request.protocol === 'tcp' ? tcpTimeoutMs : requestTimeoutMs;
  const route = probeRoute(probe, tokenParts(probe), limitMs, entries);
  if (route === undefined) return [unreachable(probe)];
  const client = await clients.clientFor(route);
  let isCallerSilent = false;
  const unwrap = (answer: CallResult): CallResult => {
    isCallerSilent ||= isOwnAnswer(answer);
    return route.unwrap?.(answer) ?? answer;
  };
  const settings = {
    ...route,
    ...timesOf(probe),
    timeoutMs: limitMs + 1000,
    expectations: [],
    // Answers of gateways are those of the callee.
    ...(probe.caller.kind === 'gateway' ? {} : { unwrap }),
  };
  const send = async (repeat: number): Promise<CallResult[]> => {
    const answers: CallResult[] = [];
    try {
      await sendBatch({ ...settings, repeat }, client, userAgent, (answer) => answers.push(answer), signal);
    } catch (error) {
      if (!isCallerSilent) throw error;
    }
    return isCallerSilent ? [] : answers;
  };
  let answers = await send(settings.repeat);
  if (calleeDirectives(probe) !== undefined || isCallerSilent) return answers;
  const isDoubtful = (answer: CallResult): boolean => mayBeByChance(answer, probe.mode);
  const mayStart = (): boolean => performance.now() < startsUntilMs;
  // The timeout of TCP is longer than a slow machine needs.
  const triesOfProbe = probe.request.protocol === 'tcp' ? 1 : mostTries;
  for (let tries = 0; (tries < triesOfProbe || mayStart()) && answers.some(isDoubtful); tries++) {
    if (mayStart()) await sleep(pauseMs, undefined, { signal });
    const kept = answers.filter((answer) => !isDoubtful(answer));
    answers = [...kept, ...(await send(answers.length - kept.length))];
  }
  return answers;
}

/** Reports whether a mock answers without a call, as its own directives say. */
function isOwnAnswer({ answeredBy, reply }: CallResult): boolean {
  return answeredBy === 'service' && (reply?.calls ?? []).length === 0;
}

/** Returns the answer to a request to a port that a gateway does not have. */
function unreachable({ destination, request }: Probe): CallResult {
  const target = `${destination.host}:${destination.port}`;
  const message = 'no Service leads to the gateway at this port';
  return { target, scheme: request.protocol, answeredBy: 'nobody', error: { code: 'unreachable', message } };
}

const mostTries = 5;
/** Pause before a request is sent again while pods may start, and the time that their start takes at most, in milliseconds. */
const pauseMs = 250;
const longestStartMs = 4000;

/** Clients of the schemes of probes. Those with TLS have the certificates of their route. */
class Clients implements AsyncDisposable {
  private readonly clients = new Map<string, Promise<Client>>();

  clientFor({ target, tls }: CallRoute): Promise<Client> {
    const key = JSON.stringify([target.scheme, tls]);
    const known = this.clients.get(key) ?? openClient(target.scheme satisfies Scheme, tls);
    this.clients.set(key, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.clients.values()].map(async (client) => (await client).close()));
  }
}
