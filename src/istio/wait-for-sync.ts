import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../error/meshmock-error.ts';
import { isIstios } from './check-manifests.ts';
import { istiodMetrics, type SyncStatus, syncStatus } from './control-plane.ts';
import { groupOf, type KubeObject } from './objects.ts';
import { isUnsettled } from './sidecar.ts';

/** How often is asked: longer than istiod waits for more changes before it pushes, so that two alike mean rest. */
const pollMs = 25;
/** An object may mean nothing to any sidecar: then no push comes. */
const noPushMs = 500;
/** It watches, and so hears at once; what is not for it, it never counts. */
const notHeardMs = 3000;
const longestMs = 15_000;

/** What istiod has counted, from its metrics. */
interface Counts {
  /** Changes that it has heard of, of objects of which `isHeardOf` says that it counts them. */
  readonly events: number;
  /** Pushes to all sidecars that are through. */
  readonly pushes: number;
  /** Everything that moves while something is under way. */
  readonly activity: string;
}

const gatewayApiKinds = [
  ...['BackendTLSPolicy', 'GRPCRoute', 'Gateway', 'GatewayClass', 'HTTPRoute', 'ListenerSet'],
  ...['ReferenceGrant', 'TCPRoute', 'TLSRoute'],
];

/** Whether istiod watches objects of this kind, and counts their changes as events. */
export function isHeardOf(object: KubeObject): boolean {
  switch (groupOf(object)) {
    case '':
      return object.kind === 'Service';
    case 'gateway.networking.k8s.io':
      return gatewayApiKinds.includes(object.kind);
    default:
      return isIstios(object);
  }
}

/**
 * Waits until istiod has heard of a change, every sidecar has acknowledged what it was sent for it, and no connection
 * lives by the old rules any more.
 */
export class Settler {
  private readonly before: Counts;

  private constructor(before: Counts) {
    this.before = before;
  }

  /** To be called before the change. */
  static async begin(signal: AbortSignal): Promise<Settler> {
    return new Settler(await counts(signal));
  }

  /**
   * @param changes how many objects were changed of which istiod hears
   * @param addresses of the pods with a proxy
   * @returns whether istiod has heard of each; when it is at rest without, it will not
   * @throws MeshmockError `usage` when a sidecar rejects what it was sent, or none of it comes to an end
   */
  async settled(changes: number, addresses: readonly string[], signal: AbortSignal): Promise<boolean> {
    const started = performance.now();
    let last = '';
    for (;;) {
      const elapsedMs = performance.now() - started;
      const now = await counts(signal);
      const proxies = await syncStatus(signal);
      const snapshot = `${now.activity} ${JSON.stringify(proxies.map(({ proxy, resources }) => [proxy, resources]))}`;
      const hasHeard = now.events >= this.before.events + changes;
      const hasPushed = changes === 0 || now.pushes > this.before.pushes || elapsedMs > noPushMs;
      const isQuiet = snapshot === last && proxies.length >= addresses.length && proxies.every(isAcknowledged);
      last = snapshot;
      if ((hasHeard || elapsedMs > notHeardMs) && hasPushed && isQuiet) {
        refuseRejected(proxies);
        const unsettled = await Promise.all(addresses.map((address) => isUnsettled(address, signal)));
        if (!unsettled.includes(true)) return hasHeard;
      }
      if (elapsedMs > longestMs) {
        refuseRejected(proxies);
        throw new MeshmockError(
          'usage',
          `after ${longestMs / 1000} s not every sidecar has what was applied: see the logs`,
        );
      }
      await sleep(pollMs, undefined, { signal });
    }
  }
}

function isAcknowledged({ resources }: SyncStatus): boolean {
  return Object.values(resources).every(({ sent, acked, lastError }) => sent === acked || (lastError ?? '') !== '');
}

function refuseRejected(proxies: readonly SyncStatus[]): void {
  const rejected = proxies.flatMap(({ proxy, resources }) =>
    Object.values(resources).flatMap(({ lastError = '' }) => (lastError === '' ? [] : [`${proxy}: ${lastError}`])),
  );
  if (rejected.length > 0)
    throw new MeshmockError('usage', `Envoy rejects what was applied, and it is taken back:\n${rejected.join('\n')}`);
}

async function counts(signal: AbortSignal): Promise<Counts> {
  const metrics = await istiodMetrics(signal);
  const sum = (name: string, label = ''): number =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*${label}[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  const pushes = sum('pilot_debounce_time_count');
  const activity = [
    ...[sum('pilot_inbound_updates'), sum('pilot_k8s_reg_events'), pushes],
    ...[sum('pilot_proxy_queue_time_count'), sum('pilot_xds_pushes')],
  ];
  const services = sum('pilot_k8s_reg_events', 'type="Services"');
  return { events: sum('pilot_k8s_cfg_events') + services, pushes, activity: activity.join(' ') };
}
