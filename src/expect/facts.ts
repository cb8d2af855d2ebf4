import { incomingContext } from '../reply/incoming-context.ts';
import { signedVersion } from '../reply/mesh-headers.ts';
import type { CallResult, Counts, Reply, Summary } from '../reply/reply.ts';
import { outcomeOf } from '../reply/status.ts';
import type { Comparison, Fact } from './expectation.ts';

/** What a call tells of a fact; undefined when it cannot, since nobody answered, or nobody who would know. */
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
      // A ztunnel refuses by closing the connection: without an answer nobody knows.
      return answeredBy === 'nobody' ? undefined : (mesh?.refusal?.reason ?? 'none');
    case 'mtls':
      return reply === undefined ? undefined : yesOrNo(reply.mesh?.peerIdentity !== undefined);
    case 'peer':
      return reply === undefined ? undefined : (reply.mesh?.peerIdentity ?? 'none');
    case 'sampled':
      return reply === undefined ? undefined : sampledOf(reply);
  }
}

/** By its own span, else by what its caller or a sidecar has decided; undefined when neither is there. */
function sampledOf({ spanId, request }: Reply): string | undefined {
  if (spanId !== undefined) return 'yes';
  const context = incomingContext(request?.headers ?? {});
  return context === undefined ? undefined : yesOrNo(context.isSampled);
}

function yesOrNo(is: boolean): string {
  return is ? 'yes' : 'no';
}

/** What a repeated call has counted of a fact; undefined when it does not count it. */
export function countsOf(summary: Summary, fact: Fact): Counts | undefined {
  switch (fact) {
    case 'status':
      return summary.byStatus ?? {};
    case 'version':
      return summary.byVersion ?? {};
    case 'pod':
      return summary.byPod ?? {};
    case 'attempt':
      // Calls without an answer are counted too, and did not tell.
      return summary.byAnswer?.nobody === undefined ? (summary.byAttempt ?? {}) : undefined;
    case 'answered-by':
      return summary.byAnswer ?? {};
    case 'refusal': {
      const { service = 0, foreign = 0 } = summary.byAnswer ?? {};
      return { ...summary.byRefusal, ...(service + foreign === 0 ? {} : { none: service + foreign }) };
    }
    case 'mtls':
    case 'peer':
    case 'sampled':
      return undefined;
  }
}

/** Whether what was seen of a fact compares so with a value. */
export function satisfiesFact(fact: Fact, seen: string, comparison: Comparison, value: string): boolean {
  switch (comparison) {
    case '=':
      return equals(fact, seen, value);
    case '!=':
      return !equals(fact, seen, value);
    default:
      return isInOrder(Number(seen), comparison, Number(value));
  }
}

function equals(fact: Fact, seen: string, values: string): boolean {
  return values.split('|').some((value) => equalsOne(fact, seen, value));
}

function equalsOne(fact: Fact, seen: string, value: string): boolean {
  if (value.endsWith('xx')) return /^\dxx$/.test(value) && seen.length === 3 && seen[0] === value[0];
  if (fact === 'pod') return seen.startsWith(value);
  // An identity may be written by its account alone.
  if (fact === 'peer') return seen === value || seen.split('/').at(-1) === value;
  return seen === value;
}

/** Whether one number stands so to another. */
export function isInOrder(seen: number, comparison: '<' | '<=' | '>' | '>=', value: number): boolean {
  switch (comparison) {
    case '<':
      return seen < value;
    case '<=':
      return seen <= value;
    case '>':
      return seen > value;
    case '>=':
      return seen >= value;
  }
}
