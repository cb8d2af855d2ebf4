import type { AssertedRequest, HeaderChanges, HeaderOperations } from '../asserted-route.ts';
import {
  type AssertionResult,
  describeOutcome,
  notSeenResult,
  type RouteEvidence,
  receivedRequests,
  seenResult,
} from './route-evidence.ts';

type HeaderMap = Readonly<Record<string, string>>;

/** Checks that a route changes the headers of requests and of their answers as asserted. */
export function checkHeaders(
  { request, response }: HeaderChanges,
  sent: AssertedRequest,
  evidence: RouteEvidence,
): AssertionResult[] {
  const received = receivedRequests(evidence);
  const { headerAnswer } = evidence;
  const notSeenReason = received.kind === 'not_seen' ? received.reason : undefined;
  const requestHeaders =
    received.kind === 'not_seen' ? [] : received.replies.map((reply) => reply.request?.headers ?? {});
  return [
    ...checkOperations(request, {
      message: 'request',
      headers: requestHeaders,
      outcome: describeOutcome(evidence),
      notSeenReason,
      hasHeader: (name) => sent.headers.some((header) => header.name === name),
    }),
    ...checkOperations(response, {
      message: 'response',
      headers: headerAnswer?.headers === undefined ? [] : [headerAnswer.headers],
      outcome: describeOutcome(evidence),
      notSeenReason,
      // The mock sends each header that the proxy must remove.
      hasHeader: () => headerAnswer?.answeredBy === 'service',
    }),
  ];
}

interface SeenHeaders {
  readonly message: 'request' | 'response';
  readonly headers: readonly HeaderMap[];
  /** Outcome of the requests, for a result without headers. */
  readonly outcome: string;
  readonly notSeenReason: string | undefined;
  /** Reports whether the proxy received a header. */
  readonly hasHeader: (name: string) => boolean;
}

const absent = '(none)';

function checkOperations({ set, add, remove }: HeaderOperations, seen: SeenHeaders): AssertionResult[] {
  const { message, hasHeader } = seen;
  return [
    ...set.map(({ name, value }) =>
      checkHeader(name, `set to ${value}`, seen, (found) => found === value, placeholderReason(value)),
    ),
    ...add.map(({ name, value }) =>
      checkHeader(name, `with ${value} added`, seen, (found) => hasValue(found, value), placeholderReason(value)),
    ),
    ...remove.map((name) => {
      const reason = hasHeader(name) ? undefined : `the ${message} has no header ${name} to remove`;
      return checkHeader(name, 'removed', seen, (found) => found === absent, reason);
    }),
  ];
}

/** @param reason why the header does not show the change, if it does not */
function checkHeader(
  name: string,
  change: string,
  { message, headers, outcome, notSeenReason }: SeenHeaders,
  holds: (value: string) => boolean,
  reason: string | undefined,
): AssertionResult {
  const expected = `${message} header ${name} ${change}`;
  const values = [...new Set(headers.map((fields) => fields[name] ?? absent))];
  const redacted = values.includes('[redacted]') ? 'replies hide the value of this header' : undefined;
  const hidden = reason ?? notSeenReason ?? redacted;
  if (hidden !== undefined) return notSeenResult(expected, hidden);
  if (headers.length === 0) return seenResult(expected, outcome, false);
  return seenResult(expected, `${message} header ${name}: ${values.join(' | ')}`, values.every(holds));
}

function placeholderReason(value: string): string | undefined {
  return value.includes('%') ? 'Envoy replaces the text between "%" signs' : undefined;
}

/** Reports whether a header has a value. Several values of one header arrive as one list. */
function hasValue(found: string, value: string): boolean {
  return found === value || found.split(/, ?/).includes(value);
}
