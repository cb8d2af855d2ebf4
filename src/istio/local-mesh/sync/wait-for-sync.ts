import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../../error/meshmock-error.ts';
import type { KindRef } from '../../kube-api/kinds.ts';
import { isApplyingConfig, type MeshProxy } from '../../node/proxy-process.ts';
import { groupOf } from '../../resources/objects.ts';
import type { IstiodApi, IstiodCounts, SyncStatus } from './istiod-api.ts';

/** Longer than istiod waits for more changes before a push, so two equal polls in a row mean that it is idle. */
const pollMs = 25;
/** Longest interval between two looks at a proxy. Each costs it a search of all its statistics, and drains take a second. */
const maxPauseMs = 100;
/** Time after which no push is expected: an object may concern no sidecar. */
const noPushMs = 500;
/** Time after which a change is not expected to be counted: istiod does not count changes of another revision. */
export const notCountedMs = 3000;
/** Maximum time in which neither istiod nor a sidecar advances. */
const stallMs = 15_000;

const gatewayApiKinds = [
  'BackendTLSPolicy',
  'GRPCRoute',
  'Gateway',
  'GatewayClass',
  'HTTPRoute',
  'ListenerSet',
  'ReferenceGrant',
  'TCPRoute',
  'TLSRoute',
];

/** Reports whether istiod watches objects of this kind and counts their changes. */
export function isCountedByIstiod(object: KindRef): boolean {
  switch (groupOf(object)) {
    case '':
      return object.kind === 'Service';
    case 'gateway.networking.k8s.io':
      return gatewayApiKinds.includes(object.kind);
    default:
      return groupOf(object).endsWith('istio.io');
  }
}

/** Change of a local mesh whose effect `waitForSync` awaits. */
export interface PendingChange {
  /** Counts from before the change. */
  readonly before: IstiodCounts;
  /** Number of changed objects that istiod counts. */
  readonly changes: number;
  /** True if istiod also pushes something that it does not count, such as a new mesh configuration. */
  readonly hasOtherPush?: boolean;
  /** Proxies that the change may concern. */
  readonly proxies: readonly MeshProxy[];
  /** Time for which istiod must have been idle, in milliseconds; two polls if not given. */
  readonly idleMs?: number;
}

/**
 * Waits until istiod has counted a change, every sidecar has acknowledged the resulting configuration, and no
 * connection uses the old one.
 *
 * @returns whether istiod has counted every change; false if it is idle and has not
 * @throws MeshmockError `usage` if Envoy rejects the configuration
 * @throws MeshmockError `timeout` if the sidecars are not in sync, and nothing has advanced for 15 s
 * @example
 *   const before = await istiod.counts(signal);
 *   await applyObject(client, object, signal);
 *   await waitForSync(istiod, { before, changes: 1, proxies }, signal);
 */
export async function waitForSync(
  istiod: IstiodApi,
  { before, changes, hasOtherPush = false, proxies, idleMs = pollMs }: PendingChange,
  signal: AbortSignal,
): Promise<boolean> {
  const started = performance.now();
  const ids = new Set(proxies.map(({ id }) => id));
  let last = '';
  let lastChangeMs = 0;
  for (;;) {
    const elapsedMs = performance.now() - started;
    const now = await istiod.counts(signal);
    // A proxy of a pod that is being deleted may not acknowledge anything.
    const states = (await istiod.syncStatus(signal)).filter(({ proxy }) => ids.has(proxy));
    // istiod lists the proxies in any order.
    const nonces = states.map(({ proxy, resources }) => `${proxy} ${JSON.stringify(resources)}`).toSorted();
    const snapshot = [now.activity, ...nonces].join('\n');
    const isCounted = now.events >= before.events + changes;
    const isPushed = (changes === 0 && !hasOtherPush) || now.pushes > before.pushes || elapsedMs > noPushMs;
    if (snapshot !== last) lastChangeMs = elapsedMs;
    const isIdle =
      elapsedMs - lastChangeMs >= idleMs && states.length >= proxies.length && states.every(isAcknowledged);
    last = snapshot;
    if ((isCounted || elapsedMs > notCountedMs) && isPushed && isIdle) {
      throwIfRejected(states);
      // A wait for the end of drains is long enough for another change.
      if (await areApplied(proxies, { endMs: performance.now() + stallMs }, signal)) return isCounted;
    }
    if (elapsedMs - lastChangeMs > stallMs) {
      throwIfRejected(states);
      throw new MeshmockError(
        'timeout',
        `${behindText(states, proxies)}, and nothing advanced for ${stallMs / 1000} s: see the logs`,
      );
    }
    await sleep(pollMs, undefined, { signal });
  }
}

function behindText(states: readonly SyncStatus[], proxies: readonly MeshProxy[]): string {
  const behind = states.filter((one) => !isAcknowledged(one)).map(({ proxy }) => proxy);
  if (behind.length > 0) return `sidecars are not in sync with istiod: ${behind.join(', ')}`;
  return states.length < proxies.length
    ? `only ${states.length} of ${proxies.length} sidecars are connected to istiod`
    : 'sidecars still apply new configuration';
}

/** Waits until proxies have applied their configuration. Returns whether all had at the first look. */
async function areApplied(
  proxies: readonly MeshProxy[],
  { endMs }: { readonly endMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  let pauseMs = pollMs;
  for (let applying = proxies, looks = 1; ; looks++) {
    const states = await Promise.all(applying.map((proxy) => isApplyingConfig(proxy, signal)));
    applying = applying.filter((_, index) => states[index]);
    if (applying.length === 0) return looks === 1;
    if (performance.now() > endMs) return false;
    await sleep(pauseMs, undefined, { signal });
    pauseMs = Math.min(2 * pauseMs, maxPauseMs);
  }
}

function isAcknowledged({ resources }: SyncStatus): boolean {
  return Object.values(resources).every(({ sent, acked, lastError }) => sent === acked || (lastError ?? '') !== '');
}

function throwIfRejected(states: readonly SyncStatus[]): void {
  const rejected = states.flatMap(({ proxy, resources }) =>
    Object.values(resources).flatMap(({ lastError = '' }) => (lastError === '' ? [] : [`${proxy}: ${lastError}`])),
  );
  if (rejected.length > 0)
    throw new MeshmockError('usage', `Envoy rejects the configuration, so it is not applied:\n${rejected.join('\n')}`);
}
