import { headerValue, signatureHeader } from '../../reply/mesh-headers.ts';
import { type CallResult, type Counts, refusalReasons } from '../../reply/reply.ts';
import type {
  MirroredCopies,
  Observation,
  ObservationEvidence,
  ObservedAnswer,
  Outcome,
  ReceivedCopy,
  RefusedBy,
} from '../observation.ts';
import { comparedHeaders } from './compared-headers.ts';

/** Facts of a probe that its answers do not show. */
export interface ObservationContext {
  readonly probeId: string;
  readonly mirrors: readonly MirroredCopies[];
  /** Number of attempts that arrived at the callee for one request; undefined if not counted. */
  readonly attempts: number | undefined;
  readonly evidence: ObservationEvidence;
  /** True if the request entered the mesh at a gateway. */
  readonly isAtGateway: boolean;
}

/**
 * Returns the observation of a probe from its answers: one, several, or one that sums up many.
 *
 * @param answers results of the probe's call, each as its caller saw it
 */
export function observationOf(answers: readonly CallResult[], context: ObservationContext): Observation {
  const { isAtGateway, ...kept } = context;
  const outcomes = joinOutcomes(answers.flatMap((answer) => outcomesOf(answer, isAtGateway)));
  const pods: Counts = {};
  for (const { reply, summary } of answers)
    for (const [pod, count] of summary === undefined ? [[reply?.pod, 1] as const] : Object.entries(summary.byPod ?? {}))
      if (pod !== undefined) pods[pod] = (pods[pod] ?? 0) + count;
  const durations = answers.map(({ durationMs = 0, summary }) => summary?.latencyMs?.max ?? durationMs);
  return { ...kept, outcomes, pods, durationMs: Math.max(0, ...durations), durationsMs: durations };
}

function outcomesOf(call: CallResult, isAtGateway: boolean): Outcome[] {
  return call.summary === undefined ? [outcomeOf(call, 1, isAtGateway)] : summedOutcomes(call, isAtGateway);
}

/** Returns the outcome of one answer. */
function outcomeOf(call: CallResult, count: number, isAtGateway: boolean): Outcome {
  return {
    count,
    answer: answerOf(call, isAtGateway),
    status: call.status,
    grpcStatus: call.grpcStatus,
    received: receivedOf(call),
    answerHeaders: call.headers === undefined ? undefined : comparedHeaders(call.headers),
  };
}

function answerOf(call: CallResult, isAtGateway: boolean): ObservedAnswer {
  switch (call.answeredBy) {
    case 'service':
      return serviceAnswer(call);
    case 'proxy': {
      const reason = call.mesh?.refusal?.reason ?? 'unknown';
      // An answer of the configuration may have the status of a refusal, but not its text.
      const own = reason === 'unknown' ? configuredAnswer(call) : redirectOf(call);
      return own ?? refused(reason, call, isAtGateway);
    }
    case 'foreign':
      return (proxyAlone(call) ? configuredAnswer(call) : redirectOf(call)) ?? { kind: 'foreign' };
    case 'nobody':
      return { kind: 'none', code: call.error?.code ?? 'reset' };
  }
}

function serviceAnswer({ reply, headers = {} }: CallResult): ObservedAnswer {
  const [service, version] = headerValue(headers, signatureHeader)?.split('/') ?? [];
  return {
    kind: 'service',
    service: reply?.service ?? service ?? '',
    namespace: reply?.namespace,
    version: reply?.version ?? version,
  };
}

/** Returns the redirect or the body with which a route answers itself. */
function configuredAnswer(call: CallResult): ObservedAnswer | undefined {
  const { status = 0, body = '' } = call;
  const isOwn = status < 400 || body !== '';
  return redirectOf(call) ?? (isOwn ? { kind: 'direct', body } : undefined);
}

function redirectOf({ status = 0, headers = {} }: CallResult): ObservedAnswer | undefined {
  const location = headerValue(headers, 'location');
  return status >= 300 && status < 400 && location !== undefined ? { kind: 'redirect', location } : undefined;
}

/** Reports whether the nearest proxy made an answer itself: it had no upstream. */
function proxyAlone({ mesh }: CallResult): boolean {
  return mesh?.proxy !== undefined && mesh.upstreamMs === undefined;
}

type RefusalOf = Extract<ObservedAnswer, { kind: 'refused' }>;

function refused(reason: RefusalOf['reason'], call: CallResult, isAtGateway: boolean): RefusalOf {
  return { kind: 'refused', reason, by: refusedBy(call, isAtGateway) };
}

/** Returns the proxy that refused a call: an answer with an upstream time came from the callee's proxy. */
function refusedBy({ mesh }: CallResult, isAtGateway: boolean): RefusedBy {
  if (mesh?.upstreamMs !== undefined) return 'callee';
  if (mesh?.proxy === undefined) return 'unknown';
  return isAtGateway ? 'gateway' : 'caller';
}

function receivedOf({ reply }: CallResult): ReceivedCopy | undefined {
  const request = reply?.request;
  if (reply === undefined || request === undefined) return undefined;
  const { headers = {} } = request;
  return {
    // Over gRPC, the method is a part of the path, which differs alike.
    method: request.protocol === 'http' ? request.method : '',
    path: request.uri,
    authority: headers.host ?? headers[':authority'] ?? '',
    headers: comparedHeaders(headers),
    isMutualTls: reply.mesh?.peerIdentity !== undefined,
    identity: reply.mesh?.peerIdentity,
    tls: request.tls && { serverName: request.tls.sni, certificate: request.tls.peer },
  };
}

/**
 * Returns the outcomes of many calls from their counts. Their parts are counted one by one, so that answers of several
 * services with several versions each show only their services.
 */
function summedOutcomes(call: CallResult, isAtGateway: boolean): Outcome[] {
  const { byService = {}, byVersion = {}, byRefusal = {}, byStatus = {}, samples = [], count = 0 } = call.summary ?? {};
  const calls = samples.map((sample) => sample.call);
  const services = Object.keys(byService);
  const [only] = services;
  const answered =
    services.length === 1 && only !== undefined && Object.keys(byVersion).length > 0
      ? Object.entries(byVersion).map(([version, times]) => ({ service: only, version, times }))
      : Object.entries(byService).map(([service, times]) => ({ service, version: undefined, times }));
  const parts = answered.map(({ service, version, times }): Outcome => {
    const sample = calls.find(
      ({ answeredBy, reply }) =>
        answeredBy === 'service' &&
        reply?.service === service &&
        (version === undefined || (reply.version ?? '') === version),
    );
    const like = sample === undefined ? emptyOutcome : outcomeOf(sample, times, isAtGateway);
    const namespace = sample?.reply?.namespace;
    return { ...like, count: times, answer: { kind: 'service', service, namespace, version } };
  });
  const refusals = Object.entries(byRefusal).map(([reason, times]): Outcome => {
    const sample = calls.find(({ mesh }) => mesh?.refusal?.reason === reason);
    if (sample !== undefined) return outcomeOf(sample, times, isAtGateway);
    const known = refusalReasons.find((one) => one === reason) ?? 'unknown';
    return { ...emptyOutcome, count: times, answer: { kind: 'refused', reason: known, by: 'unknown' } };
  });
  const known = [...parts, ...refusals];
  const rest = count - known.reduce((sum, one) => sum + one.count, 0);
  const other = calls.find(({ answeredBy, mesh }) => answeredBy !== 'service' && mesh?.refusal === undefined);
  if (rest <= 0) return known;
  const like =
    other === undefined ? { ...emptyOutcome, status: soleStatus(byStatus) } : outcomeOf(other, rest, isAtGateway);
  return [...known, { ...like, count: rest }];
}

function soleStatus(byStatus: Counts): number | undefined {
  const [status, another] = Object.keys(byStatus);
  return another === undefined && status !== undefined && /^\d+$/.test(status) ? Number(status) : undefined;
}

const emptyOutcome: Outcome = {
  count: 0,
  answer: { kind: 'foreign' },
  status: undefined,
  grpcStatus: undefined,
  received: undefined,
  answerHeaders: undefined,
};

/** Joins outcomes with the same answer and status, the most frequent first. */
function joinOutcomes(outcomes: readonly Outcome[]): Outcome[] {
  const joined = new Map<string, Outcome>();
  for (const outcome of outcomes) {
    const key = JSON.stringify([outcome.answer, outcome.status, outcome.grpcStatus]);
    const known = joined.get(key);
    joined.set(key, known === undefined ? outcome : { ...known, count: known.count + outcome.count });
  }
  return [...joined.values()].toSorted((a, b) => b.count - a.count);
}
