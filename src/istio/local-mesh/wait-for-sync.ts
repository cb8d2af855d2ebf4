import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { istiodAddress } from '../network/addresses.ts';
import { isApplyingConfig } from '../node/proxy-process.ts';
import { fetchText } from '../process/fetch-text.ts';
import { waitForOk } from '../process/ready.ts';
import { groupOf, type KubeObject } from '../resources/objects.ts';

/** Longer than istiod waits for more changes before a push, so two equal polls in a row mean that it is idle. */
const pollMs = 25;
/** Time after which no push is expected: an object may concern no sidecar. */
const noPushMs = 500;
/** Time after which a change is not expected to be counted: istiod does not count changes of another revision. */
const notCountedMs = 3000;
const timeoutMs = 15_000;

/** Counts from istiod's metrics. */
export interface IstiodCounts {
  /** Changes of objects for which `isCountedByIstiod` is true. */
  readonly events: number;
  /** Completed pushes to all sidecars. */
  readonly pushes: number;
  /** Number of keys for tokens that istiod has fetched. */
  readonly fetchedKeys: number;
  /** Text of all counters that change while istiod works. */
  readonly activity: string;
}

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
export function isCountedByIstiod(object: KubeObject): boolean {
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
  /** Addresses of the pods with a proxy. */
  readonly addresses: readonly string[];
}

/**
 * Waits until istiod has counted a change, every sidecar has acknowledged the resulting configuration, and no
 * connection uses the old one.
 *
 * @returns whether istiod has counted every change; false if it is idle and has not
 * @throws MeshmockError `usage` if Envoy rejects the configuration
 * @throws MeshmockError `timeout` if the sidecars are not in sync after 15 s
 * @example
 *   const before = await istiod.counts(signal);
 *   await applyObject(client, object, signal);
 *   await waitForSync(istiod, { before, changes: 1, addresses }, signal);
 */
export async function waitForSync(
  istiod: IstiodApi,
  { before, changes, hasOtherPush = false, addresses }: PendingChange,
  signal: AbortSignal,
): Promise<boolean> {
  const started = performance.now();
  let last = '';
  for (;;) {
    const elapsedMs = performance.now() - started;
    const now = await istiod.counts(signal);
    const proxies = await istiod.syncStatus(signal);
    const snapshot = `${now.activity} ${JSON.stringify(proxies.map(({ proxy, resources }) => [proxy, resources]))}`;
    const isCounted = now.events >= before.events + changes;
    const isPushed = (changes === 0 && !hasOtherPush) || now.pushes > before.pushes || elapsedMs > noPushMs;
    const isIdle = snapshot === last && proxies.length >= addresses.length && proxies.every(isAcknowledged);
    last = snapshot;
    if ((isCounted || elapsedMs > notCountedMs) && isPushed && isIdle) {
      throwIfRejected(proxies);
      const applying = await Promise.all(addresses.map((address) => isApplyingConfig(address, signal)));
      if (!applying.includes(true)) return isCounted;
    }
    if (elapsedMs > timeoutMs) {
      throwIfRejected(proxies);
      throw new MeshmockError(
        'timeout',
        `some sidecars were not in sync with istiod after ${timeoutMs / 1000} s: see the logs`,
      );
    }
    await sleep(pollMs, undefined, { signal });
  }
}

function isAcknowledged({ resources }: SyncStatus): boolean {
  return Object.values(resources).every(({ sent, acked, lastError }) => sent === acked || (lastError ?? '') !== '');
}

function throwIfRejected(proxies: readonly SyncStatus[]): void {
  const rejected = proxies.flatMap(({ proxy, resources }) =>
    Object.values(resources).flatMap(({ lastError = '' }) => (lastError === '' ? [] : [`${proxy}: ${lastError}`])),
  );
  if (rejected.length > 0)
    throw new MeshmockError('usage', `Envoy rejects the configuration, so it is not applied:\n${rejected.join('\n')}`);
}

/** Nonces that a sidecar has received and acknowledged, for each type of resource. */
interface SyncStatus {
  readonly proxy: string;
  readonly resources: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
}

/** Endpoints of istiod that show its work. */
export class IstiodApi {
  private readonly client: KubeClient;
  private token: Promise<string> | undefined;

  constructor(client: KubeClient) {
    this.client = client;
  }

  /** Waits until istiod reports that it is ready. */
  async ready(signal: AbortSignal): Promise<void> {
    await waitForOk(`http://${istiodAddress}:8080/ready`, signal);
  }

  /**
   * Reads from istiod which configuration each sidecar has received and acknowledged.
   *
   * @throws MeshmockError `unavailable` if istiod does not answer
   */
  async syncStatus(signal: AbortSignal): Promise<SyncStatus[]> {
    return (JSON.parse(await this.debug('syncz', signal)) as SyncStatus[] | null) ?? [];
  }

  /** Reads the mesh configuration that istiod uses, as JSON. */
  async meshConfig(signal: AbortSignal): Promise<string> {
    return this.debug('mesh', signal);
  }

  /** Reads a page of istiod's debugging interface, which istiod serves only to accounts of its own namespace. */
  private async debug(page: string, signal: AbortSignal): Promise<string> {
    this.token ??= this.client
      .createToken('istio-system', 'istiod', ['istio-ca'], tokenSeconds, undefined, signal)
      .then(({ token }) => token);
    const headers = { authorization: `Bearer ${await this.token}` };
    return fetchText('istiod', `http://${istiodAddress}:8080/debug/${page}`, signal, headers);
  }

  /** Reads the counts of istiod: once before a change, and until the change is in effect. */
  async counts(signal: AbortSignal): Promise<IstiodCounts> {
    return countsIn(await fetchText('istiod', `http://${istiodAddress}:15014/metrics`, signal));
  }
}

const tokenSeconds = 7 * 24 * 60 * 60;

function countsIn(metrics: string): IstiodCounts {
  const sum = (name: string, label = ''): number =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*${label}[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  const pushes = sum('pilot_debounce_time_count');
  const activity = [
    sum('pilot_inbound_updates'),
    sum('pilot_k8s_reg_events'),
    pushes,
    sum('pilot_proxy_queue_time_count'),
    sum('pilot_xds_pushes'),
  ];
  const services = sum('pilot_k8s_reg_events', 'type="Services"');
  return {
    events: sum('pilot_k8s_cfg_events') + services,
    pushes,
    fetchedKeys: sum('pilot_jwks_resolver_network_fetch_success_total'),
    activity: activity.join(' '),
  };
}
