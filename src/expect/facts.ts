import { incomingContext } from '../reply/incoming-context.ts';
import { signedVersion } from '../reply/mesh-headers.ts';
import { type CallResult, type Counts, otherValues, type Reply, type Summary } from '../reply/reply.ts';
import { outcomeOf } from '../reply/status.ts';
import type { Comparison, Fact } from './expectation.ts';
import { isReadToEnd, type TextFact } from './text-facts.ts';

/** Returns the value of a fact of a call, or undefined if no answer shows it. */
export function factOf(call: CallResult, fact: Fact): string | undefined {
  const { reply, attempts = [''], answeredBy, mesh } = call;
  switch (fact) {
    case 'status':
      return outcomeOf(call);
    case 'answered-by':
      return answeredBy;
    case 'version':
      return reply?.version ?? signedVersion(call);
    case 'pod':
      return reply?.pod;
    case 'attempt':
      return answeredBy === 'nobody' ? undefined : String(reply?.mesh?.attempt ?? attempts.length);
    case 'refusal':
      // A ztunnel refuses by closing the connection, so a call without an answer may be refused or not.
      return answeredBy === 'nobody' ? undefined : (mesh?.refusal?.reason ?? 'none');
    case 'mtls':
      return reply === undefined ? undefined : yesOrNo(reply.mesh?.peerIdentity !== undefined);
    case 'peer':
      return reply === undefined ? undefined : (reply.mesh?.peerIdentity ?? 'none');
    case 'sampled':
      return reply === undefined ? undefined : sampledOf(reply);
    case 'chunks':
      return streamText(call, call.stream?.chunks);
    case 'events':
      return streamText(call, call.stream?.events);
  }
}

/** Returns a number of an answer that arrived in parts, or undefined if its caller did not read it to the end. */
function streamText(call: CallResult, count: number | undefined): string | undefined {
  return count === undefined || !isReadToEnd(call) ? undefined : String(count);
}

/** Returns whether a request was sampled: it has a span, or its caller or a sidecar sampled it. */
function sampledOf({ spanId, request }: Reply): string | undefined {
  if (spanId !== undefined) return 'yes';
  const context = incomingContext(request?.headers ?? {});
  return context === undefined ? undefined : yesOrNo(context.isSampled);
}

function yesOrNo(is: boolean): string {
  return is ? 'yes' : 'no';
}

/** Returns how often a repeated call had each value of a fact, or undefined if its summary does not count the fact. */
export function countsOf(summary: Summary, fact: Fact): Counts | undefined {
  switch (fact) {
    case 'status':
      return summary.byStatus ?? {};
    case 'version':
      return summary.byVersion ?? {};
    case 'pod':
      return summary.byPod ?? {};
    case 'attempt':
      // The summary also counts the attempts of calls without an answer, which show no attempt of the callee.
      return summary.byAnswer?.nobody === undefined ? (summary.byAttempt ?? {}) : undefined;
    case 'answered-by':
      return summary.byAnswer ?? {};
    case 'refusal': {
      const { service = 0, foreign = 0 } = summary.byAnswer ?? {};
      return { ...summary.byRefusal, ...(service + foreign === 0 ? {} : { none: service + foreign }) };
    }
    case 'peer':
      return peerCounts(summary);
    case 'mtls':
      return mtlsCounts(peerCounts(summary));
    case 'sampled':
    case 'chunks':
    case 'events':
      return undefined;
  }
}

/** Returns the counts of peers. A summary without them is from an older meshmock, unless no meshmock answered. */
function peerCounts({ byPeer, byAnswer }: Summary): Counts | undefined {
  return byPeer ?? (byAnswer?.service === undefined ? {} : undefined);
}

function mtlsCounts(byPeer: Counts | undefined): Counts | undefined {
  if (byPeer === undefined) return undefined;
  const { none, [otherValues]: others, ...identities } = byPeer;
  const yes = Object.values(identities).reduce((sum, count) => sum + count, 0);
  return { ...(none !== undefined && { no: none }), ...(yes > 0 && { yes }), ...(others && { [otherValues]: others }) };
}

/**
 * Returns how often a repeated call had each text of a fact, or undefined if its summary does not count the fact. `null`
 * is a text that is known to be absent.
 */
export function textCountsOf(
  summary: Summary,
  fact: TextFact,
): (readonly [text: string | null, count: number])[] | undefined {
  const counts = countsOfText(summary, fact.kind);
  return (
    counts &&
    Object.entries(counts)
      // A longer value may be the first part of a value.
      .filter(([value]) => value !== otherValues && Buffer.byteLength(value) < wholeValueBytes)
      .map(([value, count]) => [value === 'none' && hasNone.has(fact.kind) ? null : value, count] as const)
  );
}

/** Facts whose counts have `none` for the calls that are known not to have them. */
const hasNone: ReadonlySet<TextFact['kind']> = new Set(['peer', 'http-version', 'sni', 'alpn', 'tls-peer']);

/** Size that only values reach that a summary may have cut, in bytes. It cuts at 300, between characters. */
const wholeValueBytes = 297;

function countsOfText(summary: Summary, kind: TextFact['kind']): Counts | undefined {
  switch (kind) {
    case 'version':
    case 'pod':
    case 'peer':
      return countsOf(summary, kind);
    case 'service':
      return summary.byService;
    case 'tls-version':
      return summary.byTlsVersion;
    case 'http-version':
      return summary.byHttpVersion;
    case 'sni':
      return summary.bySni;
    case 'alpn':
      return summary.byAlpn;
    case 'tls-peer':
      return summary.byTlsPeer;
    default:
      return undefined;
  }
}

/** Reports whether a comparison holds between the actual value of a fact and an expected one. */
export function satisfiesFact(fact: Fact, actual: string, comparison: Comparison, value: string): boolean {
  switch (comparison) {
    case '=':
      return equals(fact, actual, value);
    case '!=':
      return !equals(fact, actual, value);
    default:
      return isInOrder(Number(actual), comparison, Number(value));
  }
}

function equals(fact: Fact, actual: string, values: string): boolean {
  return values.split('|').some((value) => equalsOne(fact, actual, value));
}

function equalsOne(fact: Fact, actual: string, value: string): boolean {
  if (value.endsWith('xx')) return /^\dxx$/.test(value) && actual.length === 3 && actual[0] === value[0];
  if (fact === 'pod') return actual.startsWith(value);
  // An expectation may name only the account of an identity.
  if (fact === 'peer') return actual === value || actual.split('/').at(-1) === value;
  return actual === value;
}

/** Reports whether an order holds between an actual number and an expected one. */
export function isInOrder(actual: number, comparison: '<' | '<=' | '>' | '>=', value: number): boolean {
  switch (comparison) {
    case '<':
      return actual < value;
    case '<=':
      return actual <= value;
    case '>':
      return actual > value;
    case '>=':
      return actual >= value;
  }
}
