import type { NotCompared } from '../comparison.ts';
import type { CalleeFailure, ProbeMode } from '../probe.ts';
import { isSame, type NeededModes, none, type RequestPieces, type RetryPolicy } from './pieces.ts';

/** Returns the modes in which a callee fails, for each failure after which the sides retry in other ways. */
export function failingModes(before: RequestPieces, after: RequestPieces): NeededModes {
  const [old, changed] = [before, after].map(({ route }) => route?.route?.retry_policy);
  const { per_try_timeout: _old, ...oldRest } = old ?? {};
  const { per_try_timeout: _changed, ...changedRest } = changed ?? {};
  if (isSame(oldRest, changedRest)) return none;
  const { protocol } = before;
  const notCompared = old === undefined || changed === undefined ? [] : unseenRetries(old, changed);
  const failures = [old, changed].flatMap((policy) => failuresOf(policy, protocol));
  const unique = [...new Map(failures.map((failure) => [JSON.stringify(failure), failure])).values()];
  const modes = unique.map((failure): ProbeMode => ({ kind: 'failing', failure }));
  const seen = unique.map((failure) => [old, changed].map((policy) => retriesAfterFailure(policy, failure, protocol)));
  // Requests show a route that only one side has.
  const unseen = before.route === undefined || after.route === undefined ? [] : unprovoked(old, changed, seen);
  // A sidecar of the callee answers 503 in the place of a connection that its program ends. Over gRPC, a mock ends its call with
  // a status, and not with a reset.
  const showResets = protocol === 'http' && before.showsResets === true && after.showsResets === true;
  if (!unseen.includes('reset') || !showResets) return { modes, notCompared: [...notCompared, ...notProvoked(unseen)] };
  const retries = [old, changed].map((policy) => retriesAfter(policy, 'reset'));
  // Only the side with more retries gets an answer.
  const failure: CalleeFailure = { kind: 'reset', attempts: Math.min(...retries) + 1 };
  const others = unprovoked(old, changed, [...seen, retries]);
  return { modes: [...modes, { kind: 'failing', failure }], notCompared: [...notCompared, ...notProvoked(others)] };
}

/** Fields of a retry policy that the number of attempts does not show, with their names for people. */
const unseenRetryFields: Readonly<Record<string, string>> = {
  retry_back_off: 'pauses between retries',
  retry_host_predicate: 'hosts of retries',
  host_selection_retry_max_attempts: 'hosts of retries',
  retry_priority: 'localities of retries',
};

function unseenRetries(before: object, after: object): NotCompared[] {
  const [old, changed] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const fields = Object.keys(unseenRetryFields).filter((field) => !isSame(old.get(field), changed.get(field)));
  const subjects = [...new Set(fields.flatMap((field) => unseenRetryFields[field] ?? []))];
  return subjects.map((subject) => ({ subject, reason: 'the number of attempts does not show them' }));
}

function wordsOf({ retry_on: words = '' }: RetryPolicy = {}): string[] {
  return words.split(',').flatMap((word) => word.trim() || []);
}

/** Returns failures of a callee for each condition of a retry policy. */
function failuresOf(policy: RetryPolicy | undefined, protocol: RequestPieces['protocol']): CalleeFailure[] {
  const { retriable_status_codes: codes = [] } = policy ?? {};
  return wordsOf(policy).flatMap((word) => failuresOfWord(word, codes, protocol));
}

const grpcStatuses: Readonly<Record<string, string>> = {
  cancelled: 'CANCELLED',
  'deadline-exceeded': 'DEADLINE_EXCEEDED',
  internal: 'INTERNAL',
  'resource-exhausted': 'RESOURCE_EXHAUSTED',
  unavailable: 'UNAVAILABLE',
};

function failuresOfWord(word: string, codes: readonly number[], protocol: RequestPieces['protocol']): CalleeFailure[] {
  const statuses = (values: readonly number[]): CalleeFailure[] =>
    protocol === 'http' ? values.map((status) => ({ kind: 'status', status })) : [];
  switch (word) {
    case '5xx':
      return statuses([503, 500]);
    case 'gateway-error':
      return statuses([503, 502, 504]);
    case 'retriable-4xx':
      return statuses([409]);
    case 'retriable-status-codes':
      return statuses(codes);
    default: {
      const status = grpcStatuses[word];
      return protocol === 'grpc' && status !== undefined ? [{ kind: 'grpc_status', status }] : [];
    }
  }
}

/** Returns the number of retries of a policy, with which Envoy retries once if it says nothing. */
function retriesOf({ num_retries: retries = 1 }: RetryPolicy = {}): number {
  return retries;
}

/** Returns the number of retries after a failure that a callee can make. */
function retriesAfterFailure(
  policy: RetryPolicy | undefined,
  failure: CalleeFailure,
  protocol: RequestPieces['protocol'],
): number {
  const text = JSON.stringify(failure);
  const isServerError = failure.kind === 'status' && failure.status >= 500 && wordsOf(policy).includes('5xx');
  const isRetried = isServerError || failuresOf(policy, protocol).some((one) => JSON.stringify(one) === text);
  return isRetried ? retriesOf(policy) : 0;
}

/** Conditions of retries on failures of connections, each with the words of a policy that include it (Envoy, "retry-on"). */
const connectionFailures: Readonly<Record<string, readonly string[]>> = {
  reset: ['5xx', 'gateway-error', 'reset'],
  'connect-failure': ['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure'],
  'refused-stream': ['5xx', 'gateway-error', 'reset', 'refused-stream'],
  'reset-before-request': ['5xx', 'gateway-error', 'reset', 'reset-before-request'],
};

/** Returns the number of retries after a failure that a callee cannot make, by the word for it. */
function retriesAfter(policy: RetryPolicy | undefined, word: string): number {
  const including = connectionFailures[word] ?? [word];
  return wordsOf(policy).some((one) => including.includes(one)) ? retriesOf(policy) : 0;
}

/** Returns the conditions of retries that no callee makes true, if their retries change in a way that no request shows. */
function unprovoked(
  old: RetryPolicy | undefined,
  changed: RetryPolicy | undefined,
  seen: readonly (readonly number[])[],
): string[] {
  const known = new Set([...Object.keys(provokedWords), ...Object.keys(grpcStatuses)]);
  const others = [...wordsOf(old), ...wordsOf(changed)].filter((word) => !known.has(word));
  const words = new Set(['reset', ...others]);
  return [...words].filter((word) => {
    const [one, other] = [retriesAfter(old, word), retriesAfter(changed, word)];
    return one !== other && !seen.some(([before, after]) => before === one && after === other);
  });
}

function notProvoked(words: readonly string[]): NotCompared[] {
  if (words.length === 0) return [];
  return [{ subject: `retries on ${words.join(', ')}`, reason: 'no callee in the mesh fails in these ways' }];
}

const provokedWords = { '5xx': true, 'gateway-error': true, 'retriable-4xx': true, 'retriable-status-codes': true };
