import type { NotCompared } from '../comparison.ts';
import type { Edge } from '../pieces/edges.ts';
import { workloadKey } from '../pieces/mesh-snapshot.ts';

/**
 * Time after which a mock closes a connection over HTTP that no request uses, with a margin, in milliseconds: undici's
 * `keepAliveTimeout` is 4 s.
 */
export const keptConnectionMs = 4500;

/**
 * Reports whether the connections that a caller without a proxy keeps may lead to pods that the other snapshot does not choose:
 * kube-proxy chooses a pod for a new connection only.
 */
export function mayKeepConnections({ before, after }: Pick<Edge, 'before' | 'after'>): boolean {
  if (before.sender !== undefined && after.sender !== undefined) return false;
  const [earlier, later] = [before, after].map(
    ({ receivers }) => new Set(receivers.map(({ pod }) => workloadKey(pod))),
  );
  return (earlier?.symmetricDifference(later ?? new Set()).size ?? 0) > 0;
}

/** Returns the requests over gRPC whose connections are kept for longer than a comparison waits. */
export function keptOverGrpc(edge: Pick<Edge, 'before' | 'after' | 'protocol'>): NotCompared[] {
  if (edge.protocol !== 'grpc' || !mayKeepConnections(edge)) return [];
  const reason = 'without a sidecar, a connection that is kept may lead to pods of the other snapshot';
  return [{ subject: 'pods that answer over gRPC', reason }];
}
