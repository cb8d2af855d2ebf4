import type { EdgeObjects, EdgeWorkload } from '../edge-objects.ts';
import type { Edge } from '../pieces/edges.ts';
import { textAt } from '../pieces/json.ts';
import type { SnapshotPod } from '../pieces/mesh-snapshot.ts';
import type { Caller } from '../probe.ts';
import type { ClassRequest } from '../requests/class-request.ts';

/** Returns the names by which objects may concern a request of an edge, on both sides. */
export function edgeObjects(
  { destination, speaksFor, before, after }: Edge,
  request: Pick<ClassRequest, 'before' | 'after'>,
): EdgeObjects {
  const sides = [before, after];
  const clusters = sides.flatMap(({ sender }) => sender?.clusters ?? []);
  const hosts = clusters.flatMap((cluster) => (textAt(cluster, 'name') ?? '').split('|')[3] ?? []);
  const hasRoutes = request.before !== undefined && request.after !== undefined;
  return {
    // A gateway in the middle has routes of its own.
    areRoutesKnown: hasRoutes && sides.every(({ gatewayPods }) => gatewayPods.length === 0),
    hosts: [...new Set([destination.host, ...hosts])],
    callers: speaksFor.flatMap(workloadOf),
    receivers: sides.flatMap(({ receivers }) => receivers.map(({ pod }) => workloadOfPod(pod))),
    gateways: [...speaksFor.flatMap(gatewayOf), ...sides.flatMap((side) => side.gatewayPods.map(workloadOfPod))],
  };
}

function workloadOf(caller: Caller): EdgeWorkload[] {
  return caller.kind === 'workload' ? [caller] : [];
}

function gatewayOf(caller: Caller): EdgeWorkload[] {
  if (caller.kind !== 'gateway') return [];
  const [namespace = '', name = ''] = caller.gateway.split('/');
  return [{ namespace, name, labels: undefined }];
}

function workloadOfPod({ namespace, workload, labels }: SnapshotPod): EdgeWorkload {
  return { namespace, name: workload, labels };
}
