import { MeshmockError } from '../../error/meshmock-error.ts';
import type { CallResult } from '../../reply/reply.ts';
import { basePaths } from '../base-paths.ts';
import { calleeDirectives } from '../callee-directives.ts';
import { callerKey } from '../caller-text.ts';
import { answersTo, ProbeClients } from '../engine/probe-answers.ts';
import { callersAtOnce, sendByCaller } from '../engine/probe-sender.ts';
import type { Probe } from '../probe.ts';
import { type LiveAnswer, liveAnswer } from './live-answers.ts';
import { type LiveMesh, liveRoute } from './live-mesh.ts';

/** Answers to a probe in a running mesh, or the reason why there are none. */
export type LiveResult =
  | { readonly kind: 'seen'; readonly answers: readonly CallResult[] }
  /** The requests do not reach the caller, or the entry. */
  | { readonly kind: 'no_caller'; readonly reason: string }
  /** The callee is not a meshmock. */
  | { readonly kind: 'no_directives'; readonly reason: string }
  /** The same, and the request may change it. */
  | { readonly kind: 'unsafe'; readonly reason: string };

type Missed = Exclude<LiveAnswer, { kind: 'call' }>;

/**
 * Sends the requests of probes to a running mesh. Those that make callees slow or fail follow the others, because of limits
 * and ejections in the mesh. Requests that may change a callee are not sent if other requests show that it is not a meshmock.
 *
 * @returns results by the ids of the probes
 * @throws MeshmockError `canceled` when the signal is aborted, `unavailable` if an entry ends or is not a meshmock
 */
export async function sendLiveProbes(
  probes: readonly Probe[],
  mesh: LiveMesh,
  userAgent: string,
  signal: AbortSignal,
): Promise<Map<string, LiveResult>> {
  await using clients = new ProbeClients();
  const found = new Map<string, LiveResult>();
  /** Callers that the entry does not reach, with the reason. The way to them is the same for all their requests. */
  const unreached = new Map<string, string>();
  /** Destinations with an answer of a server that is not a meshmock. */
  const foreign = new Set<string>();
  const resultFor = async (probe: Probe): Promise<LiveResult> => {
    const reason = unreached.get(callerKey(probe.caller));
    if (reason !== undefined) return { kind: 'no_caller', reason };
    if (mayChange(probe) && foreign.has(destinationKey(probe)))
      return { kind: 'unsafe', reason: 'the callee is not a meshmock, and they may change it' };
    return resultOf(probe, mesh, { clients, userAgent }, signal);
  };
  const sendOne = async (probe: Probe): Promise<void> => {
    const key = callerKey(probe.caller);
    const result = await resultFor(probe);
    if (result.kind === 'seen' && result.answers.some(({ answeredBy }) => answeredBy === 'foreign'))
      foreign.add(destinationKey(probe));
    // A slow callee may exceed a timeout on the way to its caller.
    if (result.kind === 'no_caller' && calleeDirectives(probe) === undefined) unreached.set(key, result.reason);
    found.set(probe.id, result);
  };
  const isUsual = (probe: Probe): boolean => calleeDirectives(probe) === undefined;
  const [changing, others] = [true, false].map((wanted) =>
    probes.filter((probe) => isUsual(probe) && mayChange(probe) === wanted),
  );
  for (const some of [others, changing]) await sendByCaller(some ?? [], callersAtOnce, sendOne, signal);
  for (const kind of ['slow', 'failing', 'burst'] as const) {
    const ofKind = probes.filter(({ mode }) => mode.kind === kind);
    await sendByCaller(ofKind, kind === 'burst' ? 1 : callersAtOnce, sendOne, signal);
  }
  return found;
}

/** Reports whether a request may change a server that carries it out. */
function mayChange({ request: { protocol, method, path } }: Probe): boolean {
  switch (protocol) {
    case 'http':
      return !['GET', 'HEAD', 'OPTIONS'].includes(method);
    case 'grpc':
      return path !== basePaths.grpc;
    case 'tcp':
      return false;
  }
}

function destinationKey({ destination: { host, port } }: Probe): string {
  return `${host}:${port}`;
}

/** Requests that are sent again because they did not reach the caller. */
const mostFailures = 5;

async function resultOf(
  probe: Probe,
  mesh: LiveMesh,
  settings: { readonly clients: ProbeClients; readonly userAgent: string },
  signal: AbortSignal,
): Promise<LiveResult> {
  const way = mesh.wayTo(probe.caller);
  if (way.kind === 'none') return { kind: 'no_caller', reason: way.reason };
  const route = liveRoute(probe, way);
  const missed = new Map<CallResult, Missed>();
  let failures = 0;
  const unwrap = (answer: CallResult): CallResult => {
    const one = liveAnswer(answer, probe, route);
    if (one.kind === 'call') return one.call;
    missed.set(answer, one);
    if (!isOtherWorkload(one)) failures += 1;
    return answer;
  };
  const isMissed = (answer: CallResult): boolean => {
    const one = missed.get(answer);
    if (one === undefined || (one.kind === 'missed' && one.part === 'callee')) return false;
    return isOtherWorkload(one) || failures <= mostFailures;
  };
  const answers = await answersTo(
    probe,
    { ...route.route, unwrap },
    { ...settings, startsUntilMs: 0, isMissed },
    signal,
  );
  const seen = answers.filter((answer) => !missed.has(answer));
  // A few requests that get lost on the way to the caller do not change the shares of the others.
  if (2 * seen.length >= answers.length) return { kind: 'seen', answers: seen };
  const [first] = answers.flatMap((answer) => missed.get(answer) ?? []);
  if (first?.kind === 'wrong_entry') {
    const { scheme, address } = route.route.target;
    throw new MeshmockError('unavailable', `the entry ${scheme}://${address.host}:${address.port} ${first.problem}`);
  }
  const reason = first?.reason ?? 'no answer';
  return first?.part === 'callee' ? { kind: 'no_directives', reason } : { kind: 'no_caller', reason };
}

function isOtherWorkload(one: Missed): boolean {
  return one.kind === 'missed' && one.part === 'workload';
}
