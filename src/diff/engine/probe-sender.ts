import { performance } from 'node:perf_hooks';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { runConcurrently } from '../../execute/concurrency/run-concurrently.ts';
import type { CallResult } from '../../reply/reply.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import { calleeDirectives } from '../callee-directives.ts';
import type { MirroredCopies } from '../observation.ts';
import type { Probe } from '../probe.ts';
import type { ComparisonMesh } from './comparison-mesh.ts';
import { withMirrorCounts } from './mirror-counts.ts';
import { type AnswerSettings, answersTo, ProbeClients, probeTimeoutMs } from './probe-answers.ts';
import { probeRoute, type TokenParts } from './probe-routes.ts';

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

/** Time that the start of a mock takes at most, in milliseconds. */
const longestStartMs = 4000;

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
  await using clients = new ProbeClients();
  const entries = await mesh.entries(signal);
  const found = new Map<string, ProbeAnswers>();
  const { userAgent, tokenParts } = options;
  const startsUntilMs = performance.now() + longestStartMs;
  const sendOne = async (probe: Probe): Promise<void> => {
    const route = probeRoute(probe, tokenParts(probe), probeTimeoutMs(probe), entries);
    const action = async (): Promise<CallResult[]> =>
      route === undefined
        ? [unreachable(probe)]
        : answersOrNone(probe, route, { clients, userAgent, startsUntilMs }, signal);
    const copied = options.mirrors.get(probe.id);
    const seen =
      copied === undefined || probe.mode.kind === 'slow'
        ? { answers: await action(), mirrors: [] }
        : await withMirrorCounts(mesh, copied, action, signal);
    found.set(probe.id, { probe, ...seen });
  };
  const send = (some: readonly Probe[], parallel = callersAtOnce): Promise<void> =>
    sendByCaller(some, parallel, sendOne, signal);
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
    const parallel = kind === 'slow' || kind === 'answer_headers' ? callersAtOnce : 1;
    for (const some of Map.groupBy(ofKind, (probe) => `${calleeDirectives(probe)} ${calleesOf(probe).join()}`).values())
      await sendWithBehaviour(some, { mesh, calleesOf, send: (them) => send(them, parallel) }, signal);
  }
  return found;
}

/** Returns the answers to a probe; none if the mock of the caller answers without a call, as its own directives say. */
async function answersOrNone(
  probe: Probe,
  route: CallRoute,
  settings: AnswerSettings,
  signal: AbortSignal,
): Promise<CallResult[]> {
  // Answers of gateways are those of the callee.
  if (probe.caller.kind === 'gateway') return answersTo(probe, route, settings, signal);
  let isCallerSilent = false;
  const unwrap = (answer: CallResult): CallResult => {
    isCallerSilent ||= isOwnAnswer(answer);
    return route.unwrap?.(answer) ?? answer;
  };
  try {
    const answers = await answersTo(probe, { ...route, unwrap }, settings, signal);
    return isCallerSilent ? [] : answers;
  } catch (error) {
    if (!isCallerSilent) throw error;
    return [];
  }
}

/** Reports whether a mock answers without a call, as its own directives say. */
function isOwnAnswer({ answeredBy, reply }: CallResult): boolean {
  return answeredBy === 'service' && (reply?.calls ?? []).length === 0;
}

/** Callers that send at the same time. */
export const callersAtOnce = 8;

/**
 * Sends probes, those of one caller one after another: Envoy prefers pods with fewer active requests.
 *
 * @param parallel callers that send at the same time
 * @throws MeshmockError `canceled` when the signal is aborted
 */
export async function sendByCaller(
  probes: readonly Probe[],
  parallel: number,
  sendOne: (probe: Probe) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const ofCallers = [...Map.groupBy(probes, ({ caller }) => JSON.stringify(caller)).values()];
  await runConcurrently(
    ofCallers.length,
    parallel,
    () => !signal.aborted,
    async (index) => {
      for (const probe of ofCallers[index] ?? []) if (!signal.aborted) await sendOne(probe);
    },
  );
  if (signal.aborted) throw new MeshmockError('canceled', 'stopped');
}

/** Returns the answer to a request to a port that a gateway does not have. */
function unreachable({ destination, request }: Probe): CallResult {
  const target = `${destination.host}:${destination.port}`;
  const message = 'no Service leads to the gateway at this port';
  return { target, scheme: request.protocol, answeredBy: 'nobody', error: { code: 'unreachable', message } };
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
