import type { AssertedRequest, HeaderChanges, HeaderOperations } from '../asserted-route.ts';
import { type AssertionResult, describeOutcome, type RouteEvidence, receivedReplies } from './route-evidence.ts';

type Fields = Readonly<Record<string, string>>;

/** Whether services receive the headers that a route changes, and answers come back with them. */
export function checkHeaders(
  { request, response }: HeaderChanges,
  sent: AssertedRequest,
  evidence: RouteEvidence,
): AssertionResult[] {
  const { replies, unseen } = receivedReplies(evidence);
  const onTheWay = replies.map((reply) => reply.request?.headers ?? {});
  const { shown } = evidence;
  const back = shown?.headers === undefined ? [] : [shown.headers];
  const wasSent = (name: string): boolean => sent.headers.some((header) => header.name === name);
  return [
    ...checkOperations('request', request, onTheWay, { evidence, unseen, wasSent }),
    ...checkOperations('response', response, back, {
      evidence,
      unseen,
      wasSent: () => shown?.answeredBy === 'service',
    }),
  ];
}

interface Surroundings {
  readonly evidence: RouteEvidence;
  readonly unseen: string | undefined;
  /** Whether a header is there that could be removed. */
  readonly wasSent: (name: string) => boolean;
}

function checkOperations(
  way: 'request' | 'response',
  { set, add, remove }: HeaderOperations,
  seen: readonly Fields[],
  { evidence, unseen, wasSent }: Surroundings,
): AssertionResult[] {
  const values = (name: string): string[] => [...new Set(seen.map((fields) => fields[name] ?? '(none)'))];
  const finding = (
    expected: string,
    name: string,
    holds: (value: string) => boolean,
    reason?: string,
  ): AssertionResult => {
    const why =
      reason ?? unseen ?? (values(name).includes('[redacted]') ? 'values of such headers are not shown' : undefined);
    if (why !== undefined) return { expected, seen: why, holds: undefined };
    if (seen.length === 0) return { expected, seen: describeOutcome(evidence), holds: false };
    return { expected, seen: `${way} header ${name}: ${values(name).join(' | ')}`, holds: values(name).every(holds) };
  };
  const filledIn = (value: string): string | undefined =>
    value.includes('%') ? 'Envoy fills in what stands between "%"' : undefined;
  return [
    ...set.map(({ name, value }) =>
      finding(`${way} header ${name} set to ${value}`, name, (found) => found === value, filledIn(value)),
    ),
    ...add.map(({ name, value }) =>
      finding(`${way} header ${name} with ${value} added`, name, (found) => hasValue(found, value), filledIn(value)),
    ),
    ...remove.map((name) =>
      finding(
        `${way} header ${name} removed`,
        name,
        (found) => found === '(none)',
        wasSent(name) ? undefined : `the ${way} has no ${name} that could be removed`,
      ),
    ),
  ];
}

/** Several values of one header come as one list. */
function hasValue(found: string, value: string): boolean {
  return found === value || found.split(/, ?/).includes(value);
}
