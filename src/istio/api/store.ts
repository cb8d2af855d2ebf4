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

/** For those who begin to watch where a list of theirs ended. */
const mostEvents = 1000;

export type Watcher = (event: StoreEvent) => void;

/** How a put changed the store, in kubectl's words. */
export type Change = 'created' | 'configured' | 'unchanged';

/**
 * The objects of a cluster in memory, with the events that watches ask for: one number counts all changes
 * (Kubernetes API concepts, "Resource versions").
 */
export class Store {
  private readonly collections = new Map<Kind, Map<string, KubeObject>>();
  private readonly events: StoreEvent[] = [];
  private readonly watchers = new Set<Watcher>();
  private lastVersion = 1;

  /** The number of the last change. */
  get version(): number {
    return this.lastVersion;
  }

  list<T extends KubeObject>(kind: Kind): T[] {
    return [...(this.collections.get(kind)?.values() ?? [])] as T[];
  }

  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.collections.get(kind)?.get(keyOf(namespace, name));
  }

  /** Takes an object in, in the place of one of the same name; what a status said stays, unless a new one is given. */
  put(kind: Kind, object: KubeObject): { readonly change: Change; readonly object: KubeObject } {
    const collection = this.collections.get(kind) ?? new Map<string, KubeObject>();
    this.collections.set(kind, collection);
    const key = keyOf(object.metadata.namespace, object.metadata.name);
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

  /** Whether there was such an object. */
  remove(kind: Kind, namespace: string | undefined, name: string): boolean {
    const key = keyOf(namespace, name);
    const object = this.collections.get(kind)?.get(key);
    if (object === undefined) return false;
    this.collections.get(kind)?.delete(key);
    const metadata = { ...object.metadata, resourceVersion: String(++this.lastVersion) };
    this.emit('DELETED', kind, { ...object, metadata });
    return true;
  }

  /** As the end of a namespace takes along all that is in it. */
  removeAllIn(namespace: string): void {
    for (const [kind, collection] of this.collections)
      for (const { metadata } of [...collection.values()])
        if (metadata.namespace === namespace) this.remove(kind, namespace, metadata.name);
  }

  /** Whether all changes after a version are still known. */
  remembers(version: number): boolean {
    return version >= (this.events[0]?.version ?? 0) - 1;
  }

  /** Tells of each change of a kind after a version, at first of those that have been, until the signal is aborted. */
  watch(kind: Kind, afterVersion: number, watcher: Watcher, signal: AbortSignal): void {
    const own: Watcher = (event) => {
      if (event.kind === kind && event.version > afterVersion) watcher(event);
    };
    for (const event of this.events) own(event);
    this.watchers.add(own);
    signal.addEventListener('abort', () => this.watchers.delete(own), { once: true });
  }

  private emit(type: EventType, kind: Kind, object: KubeObject): void {
    const event = { type, kind, version: this.lastVersion, object };
    this.events.push(event);
    if (this.events.length > mostEvents) this.events.shift();
    for (const watcher of this.watchers) watcher(event);
  }
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** A generation is one of the specification: a status tells by it which one it is about. */
function hasSameSpec(old: KubeObject | undefined, next: KubeObject): boolean {
  return old !== undefined && isDeepStrictEqual(old.spec, next.spec);
}

function withoutBookkeeping({ metadata, ...object }: KubeObject): unknown {
  const { uid, creationTimestamp, generation, resourceVersion, ...own } = metadata;
  return { ...object, metadata: own };
}
