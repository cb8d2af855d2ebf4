import type { AppliedObject } from '../apply/apply-all.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import type { MeshNode } from '../node/mesh-node.ts';
import type { LogFiles, LogLengths } from '../observe/log-files.ts';
import { kubectlName } from '../resources/objects.ts';
import { failedModules } from './fetched-modules.ts';
import { isRequestAuthentication, KeyFetches, type KeyFetchStart } from './key-fetches.ts';
import type { MeshConfiguration } from './mesh-configuration.ts';
import type { IstiodApi, IstiodCounts } from './sync/istiod-api.ts';
import { waitForSync } from './sync/wait-for-sync.ts';

/** State before a change. */
export interface FetchStart {
  readonly keys: KeyFetchStart;
  /** Lengths of the logs of proxies. */
  readonly proxies: LogLengths;
}

/** Parts of a local mesh that fetch, and that say what is fetched. */
interface FetchingParts {
  readonly client: KubeClient;
  readonly istiod: IstiodApi;
  readonly node: MeshNode;
  readonly configuration: MeshConfiguration;
  readonly proxyLogs: LogFiles;
}

/** Failed fetches for applied objects: istiod fetches keys for tokens, and proxies fetch Wasm modules. */
export class FailedFetches {
  private readonly parts: FetchingParts;
  private readonly keys: KeyFetches;
  /** Number of keys that istiod had fetched after the last change. */
  private fetchedKeys = 0;

  constructor(parts: FetchingParts) {
    this.parts = parts;
    this.keys = new KeyFetches(parts.istiod);
  }

  /** Returns the state before a change, for `after`. */
  before({ fetchedKeys }: IstiodCounts): FetchStart {
    const { istiod, proxyLogs } = this.parts;
    return { keys: { logs: istiod.logs.lengths(), fetchedKeys }, proxies: proxyLogs.lengths() };
  }

  /** Waits until everything has been fetched or has failed, and returns a line for each failure. */
  async after(start: FetchStart, objects: readonly AppliedObject[], signal: AbortSignal): Promise<string[]> {
    return [
      ...(await this.failedKeys(start.keys, objects, signal)),
      ...(await failedModules(objects, this.parts.proxyLogs, start.proxies)),
    ];
  }

  /**
   * Waits until everything has been fetched that the objects of the API need, or has failed, and returns a line for each
   * failure.
   */
  async ofEverything(signal: AbortSignal): Promise<string[]> {
    const lists = await Promise.all(fetchingKinds.map((kind) => this.parts.client.list(kind, signal)));
    const objects = lists.flatMap(({ items }) => items);
    const start = { keys: { logs: new Map(), fetchedKeys: this.fetchedKeys }, proxies: new Map() };
    return this.after(
      start,
      objects.map((object): AppliedObject => ({ title: kubectlName(object), change: 'created', object })),
      signal,
    );
  }

  private async failedKeys(
    start: KeyFetchStart,
    objects: readonly AppliedObject[],
    signal: AbortSignal,
  ): Promise<string[]> {
    if (!objects.some(({ object }) => isRequestAuthentication(object))) return [];
    const { istiod, node, configuration } = this.parts;
    const pods = node.all.map(({ plan }) => plan);
    const { rootNamespace } = configuration;
    const before = await istiod.counts(signal);
    const failures = await this.keys.failures(objects, pods, { start, rootNamespace }, signal);
    const { fetchedKeys } = await istiod.counts(signal);
    this.fetchedKeys = fetchedKeys;
    // A key that came late has been pushed since.
    if (fetchedKeys > before.fetchedKeys)
      await waitForSync(istiod, { before, changes: 0, hasOtherPush: true, proxies: node.proxies }, signal);
    return failures;
  }
}

/** Kinds whose objects make istiod or proxies fetch something. */
const fetchingKinds = [
  { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication' },
  { apiVersion: 'extensions.istio.io/v1alpha1', kind: 'WasmPlugin' },
];
