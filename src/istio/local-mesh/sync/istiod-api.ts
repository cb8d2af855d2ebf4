import type { KubeClient } from '../../kube-api/kube-client.ts';
import { createToken } from '../../kube-api/subresources.ts';
import { istiodAddress } from '../../network/addresses.ts';
import type { LogFiles } from '../../observe/log-files.ts';
import { fetchText } from '../../process/fetch-text.ts';
import { waitForOk } from '../../process/ready.ts';
import type { KubeObject } from '../../resources/objects.ts';

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

/** Nonces that a sidecar has received and acknowledged, for each type of resource. */
export interface SyncStatus {
  readonly proxy: string;
  readonly resources: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
}

/** Endpoints and logs of istiod, which show its work. */
export class IstiodApi {
  private readonly client: KubeClient;
  readonly logs: LogFiles;
  private token: Promise<string> | undefined;

  constructor(client: KubeClient, logs: LogFiles) {
    this.client = client;
    this.logs = logs;
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

  /** Reads the objects of the API that istiod has, each with its version. */
  async objects(signal: AbortSignal): Promise<KubeObject[]> {
    const [configs, services] = await Promise.all([this.debug('configz', signal), this.debug('registryz', signal)]);
    const known = (JSON.parse(services) as RegistryService[])
      .filter(({ Attributes }) => Attributes.ServiceRegistry === 'Kubernetes')
      .map(({ Attributes: { Name: name, Namespace: namespace }, ResourceVersion: resourceVersion }) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace, resourceVersion },
      }));
    // Objects that istiod makes from others have no version, or names that the API does not allow.
    const isStored = ({ metadata: { name, resourceVersion } }: KubeObject): boolean =>
      resourceVersion !== undefined && !name.includes('~');
    return [...(JSON.parse(configs) as KubeObject[]).filter(isStored), ...known];
  }

  /** Reads the addresses to which proxies send requests for each Service, by `NAMESPACE/NAME`. */
  async endpoints(signal: AbortSignal): Promise<Map<string, Set<string>>> {
    const byHost = JSON.parse(await this.debug('endpointShardz', signal)) as EndpointShards;
    const found = new Map<string, Set<string>>();
    for (const [host, byNamespace] of Object.entries(byHost))
      for (const [namespace, { Shards }] of Object.entries(byNamespace)) {
        const healthy = Object.values(Shards ?? {})
          .flat()
          .filter(({ HealthStatus }) => HealthStatus === healthyStatus);
        found.set(`${namespace}/${host.split('.')[0]}`, new Set(healthy.flatMap(({ Addresses }) => Addresses)));
      }
    return found;
  }

  /** Reads the mesh configuration that istiod uses, as JSON. */
  async meshConfig(signal: AbortSignal): Promise<string> {
    return this.debug('mesh', signal);
  }

  /** Reads a page of istiod's debugging interface, which istiod serves only to accounts of its own namespace. */
  private async debug(page: string, signal: AbortSignal): Promise<string> {
    this.token ??= createToken(this.client, tokenRequest, signal).then(({ token }) => token);
    const headers = { authorization: `Bearer ${await this.token}` };
    return fetchText('istiod', `http://${istiodAddress}:8080/debug/${page}`, signal, headers);
  }

  /** Reads the counts of istiod: once before a change, and until the change is in effect. */
  async counts(signal: AbortSignal): Promise<IstiodCounts> {
    return countsIn(await fetchText('istiod', `http://${istiodAddress}:15014/metrics`, signal));
  }
}

/** Service as istiod's registry shows it. */
interface RegistryService {
  readonly Attributes: { readonly Name: string; readonly Namespace: string; readonly ServiceRegistry: string };
  readonly ResourceVersion: string;
}

/** Endpoints of istiod by the host of their Service and its namespace. */
type EndpointShards = Readonly<
  Record<
    string,
    Readonly<Record<string, { readonly Shards?: Readonly<Record<string, readonly RegistryEndpoint[]>> | null }>>
  >
>;

interface RegistryEndpoint {
  readonly Addresses: readonly string[];
  readonly HealthStatus: number;
}

/** Health of an endpoint that gets requests (Istio, `HealthStatus`). */
const healthyStatus = 1;

const tokenRequest = {
  namespace: 'istio-system',
  serviceAccount: 'istiod',
  audiences: ['istio-ca'],
  seconds: 7 * 24 * 60 * 60,
};

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
