import type { CallResult, Reply } from '../../reply/reply.ts';
import { clusterTitle, type EnvoyCluster, type ProxyCounts, parseClusterName } from '../envoy-clusters.ts';

/** What was seen of the route that a request took. */
export interface RouteEvidence extends ProxyCounts {
  /** What was sent. */
  readonly path: string;
  readonly calls: readonly CallResult[];
  /** An answer that shows its headers, as one with a reply does not: to a mock that was told to send some. */
  readonly shown: CallResult | undefined;
}

/** One thing that is asserted of a route, and what was seen of it. */
export interface AssertionResult {
  readonly expected: string;
  readonly seen: string;
  /** Undefined when it cannot be seen; then `seen` is the reason. */
  readonly holds: boolean | undefined;
}

/** Services that were sent to, with how often. */
export function destinationsTaken({
  clusters,
}: RouteEvidence): { readonly cluster: EnvoyCluster; readonly count: number }[] {
  return [...clusters].flatMap(([name, count]) => {
    const cluster = parseClusterName(name);
    return cluster === undefined ? [] : [{ cluster, count }];
  });
}

/** Whether the proxy answered every request itself, with a fault: then its route is not taken. */
export function areAllAborted({ calls }: RouteEvidence): boolean {
  return calls.every(isFaultAnswer);
}

export function isFaultAnswer({ mesh }: CallResult): boolean {
  return mesh?.refusal?.reason === 'fault';
}

/** What services received: nothing where no request reached one, a reason where it cannot be told. */
export function receivedReplies(evidence: RouteEvidence): {
  readonly replies: readonly Reply[];
  readonly unseen?: string;
} {
  const replies = evidence.calls.flatMap(({ reply }) => (reply === undefined ? [] : [reply]));
  if (replies.length > 0) return { replies };
  if (areAllAborted(evidence)) return { replies, unseen: 'a fault answers in the place of the service' };
  if (destinationsTaken(evidence).length > 0)
    return { replies, unseen: 'the answer does not tell what the service received' };
  return { replies };
}

/** Where requests went and what came of them, in words. */
export function describeOutcome(evidence: RouteEvidence): string {
  const taken = destinationsTaken(evidence);
  const many = evidence.calls.length > 1;
  if (taken.length > 0)
    return taken.map(({ cluster, count }) => `${clusterTitle(cluster)}${many ? ` ${count} times` : ''}`).join(', ');
  return `no service: ${[...new Set(evidence.calls.map(outcome))].join(', ')}`;
}

function outcome({ status, mesh, error, headers }: CallResult): string {
  if (error !== undefined) return error.message;
  const reason = mesh?.refusal?.reason ?? (headers?.location === undefined ? undefined : `to ${headers.location}`);
  return reason === undefined ? `status ${status}` : `status ${status} (${reason})`;
}
