import { headerValue } from '../../reply/mesh-headers.ts';
import { redacted } from '../../reply/redaction.ts';
import type { CallResult, ReceivedRequest } from '../../reply/reply.ts';
import { clusterTitle, parseClusterName } from '../envoy-clusters.ts';
import type { HeaderMatch, RouterResult } from '../router-result.ts';
import {
  type AssertionResult,
  describeOutcome,
  destinationsTaken,
  notSeenResult,
  type RouteEvidence,
  receivedRequests,
  seenResult,
} from './route-evidence.ts';

/** Checks the result that a file of Envoy's route table check tool expects. */
export function checkRouterResult(result: RouterResult, evidence: RouteEvidence): AssertionResult[] {
  const { cluster, host, path, redirect, requestHeaders, responseHeaders, notShown } = result;
  const answer = evidence.headerAnswer;
  return [
    ...(cluster === undefined ? [] : [checkCluster(cluster, evidence)]),
    ...(host === undefined ? [] : [checkReceived(`host ${host}`, evidence, hostOf, (one) => one === host)]),
    ...(path === undefined
      ? []
      : [
          checkReceived(
            `path ${path}`,
            evidence,
            ({ uri }) => uri,
            (one) => one === path,
          ),
        ]),
    ...(redirect === undefined ? [] : [checkRedirectTo(redirect, evidence)]),
    ...requestHeaders.map((match) =>
      checkReceived(`request header ${titleOf(match)}`, evidence, (one) => headerOf(one, match.name), match.holds),
    ),
    ...responseHeaders.map((match) => checkResponse(match, answer, evidence)),
    ...notShown.map((part) => notSeenResult(part, 'proxies do not show it')),
  ];
}

/** A route may split its requests, so one request to the cluster is enough. */
function checkCluster(cluster: string, evidence: RouteEvidence): AssertionResult {
  const taken = destinationsTaken(evidence).map((one) => clusterTitle(one.cluster));
  const seen = describeOutcome(evidence);
  if (cluster === '') return seenResult('no cluster', seen, taken.length === 0);
  const expected = parseClusterName(cluster);
  if (expected === undefined)
    return notSeenResult(`cluster ${cluster}`, 'only clusters such as outbound|80|v1|HOST are counted');
  return seenResult(`cluster ${cluster}`, seen, taken.includes(clusterTitle(expected)));
}

function checkReceived(
  expected: string,
  evidence: RouteEvidence,
  textOf: (request: ReceivedRequest) => string | null,
  holds: (value: string | null) => boolean,
): AssertionResult {
  const received = receivedRequests(evidence);
  if (received.kind === 'not_seen') return notSeenResult(expected, received.reason);
  const values = received.replies.map(({ request }) => (request === undefined ? null : textOf(request)));
  if (values.includes(redacted)) return notSeenResult(expected, 'replies hide the value of this header');
  if (values.length === 0) return seenResult(expected, describeOutcome(evidence), false);
  return seenResult(expected, `received ${[...new Set(values.map(shown))].join(', ')}`, values.every(holds));
}

function checkResponse(match: HeaderMatch, answer: CallResult | undefined, evidence: RouteEvidence): AssertionResult {
  const expected = `response header ${titleOf(match)}`;
  if (answer?.headers === undefined) return seenResult(expected, describeOutcome(evidence), false);
  const value = headerValue(answer.headers, match.name) ?? null;
  if (value === redacted) return notSeenResult(expected, 'replies hide the value of this header');
  return seenResult(expected, `response header ${match.name}: ${shown(value)}`, match.holds(value));
}

function checkRedirectTo(location: string, evidence: RouteEvidence): AssertionResult {
  const [call] = evidence.calls;
  const found = call?.answeredBy === 'proxy' || call?.answeredBy === 'foreign' ? call.headers?.location : undefined;
  const expected = location === '' ? 'no redirect' : `redirect to ${location}`;
  return seenResult(expected, describeOutcome(evidence), (found ?? '') === location);
}

function hostOf({ headers }: ReceivedRequest): string | null {
  return headers?.host ?? null;
}

/** Returns a header of a request, or what a pseudo-header of HTTP/2 stands for. */
function headerOf(request: ReceivedRequest, name: string): string | null {
  if (name === ':path') return request.uri;
  if (name === ':method') return request.method;
  return name === ':authority' ? hostOf(request) : (headerValue(request.headers ?? {}, name) ?? null);
}

function titleOf({ name, condition }: HeaderMatch): string {
  return `${name} ${condition}`;
}

function shown(value: string | null): string {
  return value ?? '(none)';
}
