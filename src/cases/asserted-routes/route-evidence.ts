import type { CallResult, Reply } from '../../reply/reply.ts';
import { clusterTitle, type EnvoyCluster, type ProxyCounts, parseClusterName } from '../envoy-clusters.ts';

/** Evidence of the route that the requests of one assertion took. */
export interface RouteEvidence extends ProxyCounts {
  /** Path of the requests, with its query. */
  readonly path: string;
  readonly calls: readonly CallResult[];
  /** Answer whose headers are visible; undefined if no header of an answer is asserted. */
  readonly headerAnswer: CallResult | undefined;
}

/** Result of one assertion about a route. */
export type AssertionResult =
  | { readonly kind: 'seen'; readonly expected: string; readonly seen: string; readonly holds: boolean }
  /** The evidence does not show whether the assertion holds. */
  | { readonly kind: 'not_seen'; readonly expected: string; readonly reason: string };

export function seenResult(expected: string, seen: string, holds: boolean): AssertionResult {
  return { kind: 'seen', expected, seen, holds };
}

export function notSeenResult(expected: string, reason: string): AssertionResult {
  return { kind: 'not_seen', expected, reason };
}

/** Returns the clusters that proxies sent the requests to, with the number of requests. */
export function destinationsTaken({ clusters }: RouteEvidence): {
  readonly cluster: EnvoyCluster;
  readonly count: number;
}[] {
  return [...clusters].flatMap(([name, count]) => {
    const cluster = parseClusterName(name);
    return cluster === undefined ? [] : [{ cluster, count }];
  });
}

/** Reports whether the proxy answered every request with a fault. Such requests take no route. */
export function areAllAborted({ calls }: RouteEvidence): boolean {
  return calls.every(isFaultAnswer);
}

export function isFaultAnswer({ mesh }: CallResult): boolean {
  return mesh?.refusal?.reason === 'fault';
}

/** Requests as services received them. */
export type ReceivedRequests =
  /** Replies of mocks; empty if no request reached a service. */
  | { readonly kind: 'replies'; readonly replies: readonly Reply[] }
  /** The answers do not show what services received, for this reason. */
  | { readonly kind: 'not_seen'; readonly reason: string };

export function receivedRequests(evidence: RouteEvidence): ReceivedRequests {
  const replies = evidence.calls.flatMap(({ reply }) => (reply === undefined ? [] : [reply]));
  if (replies.length > 0) return { kind: 'replies', replies };
  if (areAllAborted(evidence)) return { kind: 'not_seen', reason: 'a fault answers instead of the service' };
  if (destinationsTaken(evidence).length > 0)
    return { kind: 'not_seen', reason: 'the answer does not show what the service received' };
  return { kind: 'replies', replies };
}

/** Formats the destinations of the requests; for requests without one, their answers. */
export function describeOutcome(evidence: RouteEvidence): string {
  const taken = destinationsTaken(evidence);
  const hasSeveral = evidence.calls.length > 1;
  if (taken.length > 0)
    return taken
      .map(({ cluster, count }) => `${clusterTitle(cluster)}${hasSeveral ? ` ${count} times` : ''}`)
      .join(', ');
  return `no service: ${[...new Set(evidence.calls.map(describeAnswer))].join(', ')}`;
}

function describeAnswer({ status, mesh, error, headers }: CallResult): string {
  if (error !== undefined) return error.message;
  const detail = mesh?.refusal?.reason ?? (headers?.location === undefined ? undefined : `to ${headers.location}`);
  return detail === undefined ? `status ${status}` : `status ${status} (${detail})`;
}
