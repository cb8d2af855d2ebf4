import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../objects.ts';
import { KubeError, type KubeClient, type KindName, type ObjectRef } from './kube-client.ts';

const kindKey = ({ apiVersion, kind }: KindName): string => `${apiVersion} ${kind}`;
const nameKey = ({ namespace, name }: { namespace?: string; name: string }): string => `${namespace ?? ''}/${name}`;

export class ObjectCache {
  private readonly client: KubeClient;
  private readonly kinds: readonly KindName[];
  private readonly objects = new Map<string, Map<string, KubeObject>>();
  private readonly listeners: { readonly key: string | undefined; readonly call: () => void }[] = [];
  constructor(client: KubeClient, kinds: readonly KindName[]) { this.client = client; this.kinds = kinds; }
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.kinds.filter((k) => this.client.kindOf(k)).map(async (kind) => {
      const first = await this.relist(kind, signal);
      void this.follow(kind, first, signal).catch(() => {});
    }));
  }
  private async relist(kind: KindName, signal: AbortSignal): Promise<string> {
    const { items, resourceVersion } = await this.client.list(kind, signal);
    this.objects.set(kindKey(kind), new Map(items.map((o) => [nameKey(o.metadata), o])));
    this.emit(kind);
    return resourceVersion;
  }
  private async follow(kind: KindName, first: string, signal: AbortSignal): Promise<void> {
    let version = first;
    const map = (): Map<string, KubeObject> => this.objects.get(kindKey(kind)) ?? new Map();
    while (!signal.aborted) {
      let gone = false;
      try {
        await this.client.watch(kind, version, (type, object) => {
          if (type === 'ERROR') { gone = true; return; }
          version = object.metadata.resourceVersion ?? version;
          if (type === 'BOOKMARK') return;
          if (type === 'DELETED') map().delete(nameKey(object.metadata)); else map().set(nameKey(object.metadata), object);
          this.emit(kind);
        }, signal);
      } catch (error) { if (error instanceof KubeError && error.status === 410) gone = true; }
      if (signal.aborted) return;
      try { if (gone) version = await this.relist(kind, signal); else await sleep(50, undefined, { signal }); } catch { if (!signal.aborted) await sleep(500, undefined, { signal }); }
    }
  }
  private emit(kind: KindName): void {
    const key = kindKey(kind);
    for (const { key: wanted, call } of [...this.listeners]) if (wanted === undefined || wanted === key) call();
  }
  all<T extends KubeObject>(kind: KindName): readonly T[] { return [...(this.objects.get(kindKey(kind))?.values() ?? [])] as T[]; }
  get<T extends KubeObject>({ apiVersion, kind, metadata }: ObjectRef): T | undefined { return this.objects.get(kindKey({ apiVersion, kind }))?.get(nameKey(metadata)) as T | undefined; }
  onChange(kind: KindName, call: () => void): void { this.listeners.push({ key: kindKey(kind), call }); }
  async waitUntil(holds: () => boolean, signal: AbortSignal): Promise<void> {
    if (holds()) return;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const listener = { key: undefined, call: () => { if (holds()) resolve(); } };
    const onAbort = (): void => reject(signal.reason);
    this.listeners.push(listener);
    signal.addEventListener('abort', onAbort, { once: true });
    try { await promise; } finally { this.listeners.splice(this.listeners.indexOf(listener), 1); signal.removeEventListener('abort', onAbort); }
  }
}
