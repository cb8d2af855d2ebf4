import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../objects.ts';
import type { Kind } from './kinds.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface StoreEvent {
  readonly type: EventType;
  readonly kind: Kind;
  readonly version: number;
  readonly object: KubeObject;
}

/** Number of events that are kept for clients that start a watch at the version of an earlier list. */
const maxKeptEvents = 1000;

export type Watcher = (event: StoreEvent) => void;

/** Effect of a `put` on the store, in kubectl's words. */
export type Change = 'created' | 'configured' | 'unchanged';

/**
 * Objects of a cluster in memory, with the events that watches receive. One number counts all changes (Kubernetes API
 * concepts, "Resource versions").
 */
export class Store {
  private readonly collections = new Map<Kind, Map<string, KubeObject>>();
  private readonly events: StoreEvent[] = [];
  private readonly watchers = new Set<Watcher>();
  private lastVersion = 1;

  /** Number of the last change. */
  get version(): number {
    return this.lastVersion;
  }

  list<T extends KubeObject>(kind: Kind): T[] {
    return [...(this.collections.get(kind)?.values() ?? [])] as T[];
  }

  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.collections.get(kind)?.get(storeKey(namespace, name));
  }

  /** Stores an object and replaces one of the same name. An old status is kept if the new object has none. */
  put(kind: Kind, object: KubeObject): { readonly change: Change; readonly object: KubeObject } {
    const collection = this.collections.get(kind) ?? new Map<string, KubeObject>();
    this.collections.set(kind, collection);
    const key = storeKey(object.metadata.namespace, object.metadata.name);
    const old = collection.get(key);
    const next = old?.status === undefined || object.status !== undefined ? object : { ...object, status: old.status };
    if (old !== undefined && isDeepStrictEqual(withoutBookkeeping(old), withoutBookkeeping(next)))
      return { change: 'unchanged', object: old };
    const stored: KubeObject = {
      ...next,
      metadata: {
        ...next.metadata,
        uid: old?.metadata.uid ?? next.metadata.uid ?? randomUUID(),
        creationTimestamp: old?.metadata.creationTimestamp ?? new Date().toISOString().replace(/\.\d+/, ''),
        generation: (old?.metadata.generation ?? 0) + (hasSameSpec(old, next) ? 0 : 1),
        resourceVersion: String(++this.lastVersion),
      },
    };
    collection.set(key, stored);
    this.emit(old === undefined ? 'ADDED' : 'MODIFIED', kind, stored);
    return { change: old === undefined ? 'created' : 'configured', object: stored };
  }

  /**
   * Removes an object.
   *
   * @returns whether the object existed
   */
  remove(kind: Kind, namespace: string | undefined, name: string): boolean {
    const key = storeKey(namespace, name);
    const object = this.collections.get(kind)?.get(key);
    if (object === undefined) return false;
    this.collections.get(kind)?.delete(key);
    const metadata = { ...object.metadata, resourceVersion: String(++this.lastVersion) };
    this.emit('DELETED', kind, { ...object, metadata });
    return true;
  }

  /** Removes all objects of a namespace, as the deletion of the namespace does. */
  removeAllIn(namespace: string): void {
    for (const [kind, collection] of this.collections)
      for (const { metadata } of [...collection.values()])
        if (metadata.namespace === namespace) this.remove(kind, namespace, metadata.name);
  }

  /** Reports whether the store still has all events after a version. */
  hasEventsSince(version: number): boolean {
    return version >= (this.events[0]?.version ?? 0) - 1;
  }

  /**
   * Calls the watcher for each change of a kind after a version, until the signal is aborted. Changes that have already
   * happened come first.
   */
  watch(kind: Kind, afterVersion: number, watcher: Watcher, signal: AbortSignal): void {
    const onEvent: Watcher = (event) => {
      if (event.kind === kind && event.version > afterVersion) watcher(event);
    };
    for (const event of this.events) onEvent(event);
    this.watchers.add(onEvent);
    signal.addEventListener('abort', () => this.watchers.delete(onEvent), { once: true });
  }

  private emit(type: EventType, kind: Kind, object: KubeObject): void {
    const event = { type, kind, version: this.lastVersion, object };
    this.events.push(event);
    if (this.events.length > maxKeptEvents) this.events.shift();
    for (const watcher of this.watchers) watcher(event);
  }
}

function storeKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** Compares specifications. The generation counts their changes, and a status refers to a generation. */
function hasSameSpec(old: KubeObject | undefined, next: KubeObject): boolean {
  return old !== undefined && isDeepStrictEqual(old.spec, next.spec);
}

/** Returns an object without the metadata that the store itself sets. */
function withoutBookkeeping({ metadata, ...object }: KubeObject): unknown {
  const { uid, creationTimestamp, generation, resourceVersion, ...appliedMetadata } = metadata;
  return { ...object, metadata: appliedMetadata };
}
