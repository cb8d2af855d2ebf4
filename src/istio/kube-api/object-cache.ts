import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeObject } from '../resources/objects.ts';
import type { KindRef, ObjectRef } from './kinds.ts';
import type { KubeClient, WatchEvent } from './kube-client.ts';

/** Change of an object in the cache. */
export interface CacheEvent extends WatchEvent {
  /** The object before the change; undefined for a new one. */
  readonly previous: KubeObject | undefined;
}

type Listener = (event: CacheEvent) => void;

const retryMs = 100;
const catchUpPollMs = 10;

/**
 * Copy of all objects of some kinds, which a watch of each kind keeps up to date (an informer). Its objects are shared:
 * do not change them.
 *
 * @example
 * const cache = new ObjectCache(client, [{ apiVersion: 'v1', kind: 'Pod' }]);
 * await cache.start(signal);
 * await cache.waitUntil(() => cache.all<Pod>({ apiVersion: 'v1', kind: 'Pod' }).every(isReady), signal);
 */
export class ObjectCache {
  private readonly client: Pick<KubeClient, 'list' | 'watch'>;
  private readonly tables: ReadonlyMap<string, Table>;
  private readonly listeners = new Set<Listener>();
  /** Functions that check the conditions of waits again. */
  private readonly checks = new Set<() => void>();

  constructor(client: Pick<KubeClient, 'list' | 'watch'>, kinds: readonly KindRef[]) {
    this.client = client;
    this.tables = new Map(kinds.map((of) => [tableKey(of), new Table(of)]));
  }

  /**
   * Lists all kinds, and watches them until the signal is aborted. It resolves when all objects are in the cache.
   * Listeners that were added before are called for each of them.
   */
  async start(signal: AbortSignal): Promise<void> {
    const lists = [...this.tables.values()].map(async (table) => ({ table, version: await this.list(table, signal) }));
    for (const { table, version } of await Promise.all(lists)) void this.follow(table, version, signal);
  }

  /** Waits until the cache has all that the API server has, also what another program has just written. */
  async catchUp(signal: AbortSignal): Promise<void> {
    const catchUpWith = async (table: Table): Promise<void> => {
      while (table.differencesTo((await this.client.list(table.of, signal)).items).length > 0)
        await sleep(catchUpPollMs, undefined, { signal });
    };
    await Promise.all([...this.tables.values()].map(catchUpWith));
  }

  /** Reports whether the cache has the objects of a kind. */
  has(of: KindRef): boolean {
    return this.tables.has(tableKey(of));
  }

  /** Returns all objects of a kind. */
  all<T extends KubeObject = KubeObject>(of: KindRef): readonly T[] {
    return this.table(of).all as readonly T[];
  }

  /** Returns an object, or undefined if it does not exist. A namespace that is not given is `default`. */
  get<T extends KubeObject = KubeObject>(ref: ObjectRef): T | undefined {
    return this.table(ref).get(ref) as T | undefined;
  }

  /**
   * Calls a function for every change of an object, when the cache already contains the change. Changes of one kind come
   * in their order.
   *
   * @returns a function that ends the calls
   */
  onChange(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Waits until a condition holds. It is checked at once, after changes of objects, and by `checkAgain`. */
  async waitUntil(predicate: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (predicate()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let isScheduled = false;
    const check = (): void => {
      isScheduled = false;
      try {
        if (predicate()) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const schedule = (): void => {
      // One check is enough for all changes that arrive together.
      if (!isScheduled) setImmediate(check);
      isScheduled = true;
    };
    this.checks.add(schedule);
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      await promise;
    } finally {
      this.checks.delete(schedule);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Checks the conditions of all waits again, after a change that no object shows. */
  checkAgain(): void {
    for (const check of this.checks) check();
  }

  private table(of: KindRef): Table {
    const table = this.tables.get(tableKey(of));
    if (table === undefined) throw new MeshmockError('internal', `no cache of ${of.kind} of ${of.apiVersion}`);
    return table;
  }

  private async list(table: Table, signal: AbortSignal): Promise<string> {
    const { items, resourceVersion } = await this.client.list(table.of, signal);
    for (const event of table.differencesTo(items)) this.apply(table, event);
    return resourceVersion;
  }

  /** Watches a kind. After an expired version or a lost connection it lists the kind again. */
  private async follow(table: Table, from: string, signal: AbortSignal): Promise<void> {
    let version: string | undefined = from;
    while (!signal.aborted) {
      try {
        version ??= await this.list(table, signal);
        version = await this.client.watch(table.of, version, (event) => this.apply(table, event), signal);
      } catch (error) {
        if (signal.aborted) return;
        // Errors of a listener are defects.
        if (!(error instanceof MeshmockError)) throw error;
        version = undefined;
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  private apply(table: Table, { type, object }: WatchEvent): void {
    const previous = table.get(object);
    if (type === 'DELETED') table.delete(object);
    else table.set(object);
    for (const listener of this.listeners) listener({ type, object, previous });
    this.checkAgain();
  }
}

/** All objects of one kind. */
class Table {
  readonly of: KindRef;
  private readonly objects = new Map<string, KubeObject>();
  /** The objects as a list, until one changes. */
  private asList: readonly KubeObject[] | undefined;

  constructor(of: KindRef) {
    this.of = { apiVersion: of.apiVersion, kind: of.kind };
  }

  get all(): readonly KubeObject[] {
    this.asList ??= [...this.objects.values()];
    return this.asList;
  }

  get(ref: ObjectRef): KubeObject | undefined {
    return this.objects.get(objectKey(ref)) ?? this.objects.get(objectKey(ref, 'default'));
  }

  set(object: KubeObject): void {
    this.objects.set(objectKey(object), object);
    this.asList = undefined;
  }

  delete(ref: ObjectRef): void {
    this.objects.delete(objectKey(ref));
    this.asList = undefined;
  }

  /** Returns the changes that lead from the known objects to those of a new list. */
  differencesTo(items: readonly KubeObject[]): WatchEvent[] {
    const listed = new Set(items.map((item) => objectKey(item)));
    const gone = this.all.filter((object) => !listed.has(objectKey(object)));
    const changed = items.flatMap((object): WatchEvent[] => {
      const known = this.get(object);
      if (known === undefined) return [{ type: 'ADDED', object }];
      return known.metadata.resourceVersion === object.metadata.resourceVersion ? [] : [{ type: 'MODIFIED', object }];
    });
    return [...gone.map((object): WatchEvent => ({ type: 'DELETED', object })), ...changed];
  }
}

const tableKey = ({ apiVersion, kind }: KindRef): string => `${apiVersion}/${kind}`;

const objectKey = ({ metadata: { namespace, name } }: ObjectRef, otherwise = ''): string =>
  `${namespace ?? otherwise}/${name}`;
