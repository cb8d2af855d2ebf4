import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { AppliedObject } from '../apply/apply-all.ts';
import { type KeyFetch, keyFetches } from '../observe/key-fetch-log.ts';
import type { LogLengths } from '../observe/log-files.ts';
import { groupOf, type KubeObject, kubectlName, type Labels, namespaceOf, selects } from '../resources/objects.ts';
import type { IstiodApi } from './sync/istiod-api.ts';

/** State before a change. */
export interface KeyFetchStart {
  /** Lengths of istiod's logs. */
  readonly logs: LogLengths;
  /** Number of keys that istiod has fetched. */
  readonly fetchedKeys: number;
}

/** Pod with a proxy that may need keys. */
interface KeyUser {
  readonly namespace: string;
  readonly labels: Labels;
  readonly hasSidecar: boolean;
}

const pollMs = 50;
/** Longer than one attempt of istiod, which takes 5 seconds at most. */
const fetchTimeoutMs = 8000;

/** Keys for tokens that istiod fetches. A RequestAuthentication accepts no token before. */
export class KeyFetches {
  private readonly istiod: IstiodApi;
  /** Keys that istiod has been asked for. */
  private readonly known = new Set<string>();

  constructor(istiod: IstiodApi) {
    this.istiod = istiod;
  }

  /**
   * Waits until istiod has fetched the keys of changed objects, or has failed.
   *
   * @returns a line for each key that istiod could not fetch
   * @throws MeshmockError `usage` for keys that Envoy will reject
   */
  async failures(
    objects: readonly AppliedObject[],
    pods: readonly KeyUser[],
    { start, rootNamespace }: { readonly start: KeyFetchStart; readonly rootNamespace: string },
    signal: AbortSignal,
  ): Promise<string[]> {
    const used = objects.filter(({ object }) => isUsed(object, pods, rootNamespace));
    if (used.length === 0) return [];
    const keysOf = (list: readonly AppliedObject[]) => new Set(list.flatMap(({ object }) => remoteKeysOf(object)));
    const recent = await this.settled(keysOf(used.filter(({ change }) => change !== 'unchanged')), start, signal);
    const all = keyFetches(await this.istiod.logs.since());
    return used.flatMap(({ object, change }) =>
      remoteKeysOf(object).flatMap((key) => {
        // istiod has not tried again for an unchanged object.
        const { kind = 'fetched', reason = '' } = (change === 'unchanged' ? all : recent).get(key) ?? {};
        if (/invalid character|cannot unmarshal|unexpected end of JSON/.test(reason))
          throw new MeshmockError('usage', `${kubectlName(object)}: ${key} does not have keys as JSON: ${reason}`);
        const detail = reason === '' ? '' : `: ${reason}`;
        return kind === 'fetched'
          ? []
          : [`${kubectlName(object)}: istiod cannot fetch the keys from ${key}, so every token is refused${detail}`];
      }),
    );
  }

  private async settled(
    keys: ReadonlySet<string>,
    start: KeyFetchStart,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, KeyFetch>> {
    const added = [...keys].filter((key) => !this.known.has(key));
    for (const key of added) this.known.add(key);
    const endMs = performance.now() + fetchTimeoutMs;
    for (;;) {
      const { fetchedKeys } = await this.istiod.counts(signal);
      const all = keyFetches(await this.istiod.logs.since(start.logs));
      const states = [...all].filter(([key]) => keys.has(key)).map(([, state]) => state);
      const failures = states.filter(({ kind }) => kind !== 'fetched');
      const failed = added.filter((key) => (all.get(key)?.kind ?? 'fetched') !== 'fetched');
      const isAsked = fetchedKeys - start.fetchedKeys + failed.length >= added.length;
      if ((isAsked && !failures.some(isUndecided)) || performance.now() > endMs) return all;
      await sleep(pollMs, undefined, { signal });
    }
  }
}

/** Reports whether a next attempt may succeed: not for a host without an address. */
function isUndecided({ kind, reason }: KeyFetch): boolean {
  return kind === 'retrying' && !/no such host/.test(reason);
}

/** Reports whether an object may name keys for tokens. */
export function isRequestAuthentication(object: KubeObject): boolean {
  return object.kind === 'RequestAuthentication' && groupOf(object) === 'security.istio.io';
}

/** Returns the URLs of the keys of an object; for a rule without one, the issuer that names it. */
function remoteKeysOf({ spec }: KubeObject): string[] {
  const { jwtRules = [] } = (spec ?? {}) as { jwtRules?: { issuer?: string; jwks?: string; jwksUri?: string }[] };
  return jwtRules.flatMap(({ issuer = '', jwks = '', jwksUri = '' }) => {
    const key = jwksUri === '' ? issuer : jwksUri;
    return jwks !== '' || key === '' ? [] : [key];
  });
}

/** Reports whether an object is a RequestAuthentication of a proxy, for which istiod fetches keys. */
function isUsed(object: KubeObject, pods: readonly KeyUser[], rootNamespace: string): boolean {
  if (!isRequestAuthentication(object)) return false;
  const namespace = namespaceOf(object);
  const { selector } = (object.spec ?? {}) as { selector?: { matchLabels?: Labels } };
  const labels = selector?.matchLabels ?? {};
  const isSelected = (pod: KeyUser): boolean => Object.keys(labels).length === 0 || selects(labels, pod.labels);
  return pods
    .filter((pod) => pod.hasSidecar && (namespace === rootNamespace || pod.namespace === namespace))
    .some(isSelected);
}
