import type { KubeObject } from '../resources/objects.ts';
import type { ApiServer } from './api-server.ts';
import { type ApiAnswer, type ApiRequest, Connection } from './connection.ts';
import type { FieldSchemas } from './field-schema.ts';
import { type Kind, type KindRef, type ObjectRef, pathOf } from './kinds.ts';
import { isNotFound, KubeError, type Status } from './kube-error.ts';
import { ServedKinds } from './served-kinds.ts';

/** Result of a write, and the warnings of the API server and of webhooks. */
export interface Written<T> {
  readonly object: T;
  readonly warnings: readonly string[];
}

export interface WriteOptions {
  /** Part of the object that is written, such as `status`. */
  readonly subresource?: string;
  /** True to check everything and store nothing. */
  readonly dryRun?: boolean;
  /** Answer to unknown fields. Without it, the API server warns. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly dryRun?: boolean;
}

export type PatchType = 'merge' | 'strategic' | 'apply';

/** List of a kind's objects, and the version from which a watch sees every later change. */
export interface ObjectList<T> {
  readonly items: T[];
  readonly resourceVersion: string;
}

export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

const patchTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const fieldManager = 'meshmock';

/**
 * Client of a Kubernetes API server.
 *
 * @example
 * await using client = new KubeClient(server);
 * await client.discover(signal);
 * const { items } = await client.list({ apiVersion: 'v1', kind: 'Pod' }, signal);
 */
export class KubeClient implements AsyncDisposable {
  private readonly connection: Connection;
  private readonly served = new ServedKinds();

  constructor(server: ApiServer) {
    this.connection = new Connection(server);
  }

  /** Reads all kinds that the API server serves. Needed once before the first request, and after a CRD is added. */
  async discover(signal: AbortSignal): Promise<void> {
    await this.served.read(this.connection, signal);
  }

  /** Returns the kind of an object, or undefined if the API server did not serve it at the last `discover`. */
  kindOf(of: KindRef): Kind | undefined {
    return this.served.find(of);
  }

  /** Kinds that the API server served at the last `discover`, in all versions. */
  get kinds(): readonly Kind[] {
    return this.served.all;
  }

  /** Reads the schemas of all kinds of a group and version (OpenAPI v3), by the names of their definitions. */
  async schemas(apiVersion: string, signal: AbortSignal): Promise<FieldSchemas> {
    const path = `/openapi/v3/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}`;
    const { body } = await this.connection.send<{ components: { schemas: FieldSchemas } }>(
      { method: 'GET', path },
      signal,
    );
    return body.components.schemas;
  }

  /** Returns an object, or undefined if it does not exist. */
  async get<T extends KubeObject = KubeObject>(ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
    try {
      const { body } = await this.connection.send<T>({ method: 'GET', path: this.objectPath(ref) }, signal);
      return body;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Returns all objects of a kind, in one namespace or in all. */
  async list<T extends KubeObject = KubeObject>(
    of: KindRef,
    signal: AbortSignal,
    namespace?: string,
  ): Promise<ObjectList<T>> {
    const path = pathOf(this.served.get(of), { namespace });
    const { body } = await this.connection.send<{ items: T[] | null; metadata: { resourceVersion: string } }>(
      // Version 0 would allow an old state; without a version, the API server reads the newest one from its cache.
      { method: 'GET', path },
      signal,
    );
    const items = body.items ?? [];
    for (const item of items) {
      item.apiVersion = of.apiVersion;
      item.kind = of.kind;
    }
    return { items, resourceVersion: body.metadata.resourceVersion };
  }

  async create<T extends KubeObject>(object: T, options: WriteOptions, signal: AbortSignal): Promise<Written<T>> {
    const { metadata } = object;
    const path = pathOf(this.served.get(object), { namespace: metadata.namespace ?? 'default' });
    return this.write({ method: 'POST', path, body: object }, options, signal);
  }

  /** Returns the object that `kubectl apply` writes for a manifest; the live one is undefined for a new object. */
  async applied<T extends KubeObject>(manifest: T, live: T | undefined, signal: AbortSignal): Promise<T> {
    return this.connection.applied(manifest, live, signal);
  }

  /** Replaces an object. It fails with `conflict` if the object has a resource version that is not the newest one. */
  async update<T extends KubeObject>(object: T, options: WriteOptions, signal: AbortSignal): Promise<Written<T>> {
    const path = this.objectPath(object, options.subresource);
    return this.write({ method: 'PUT', path, body: object }, options, signal);
  }

  async patch<T extends KubeObject = KubeObject>(
    ref: ObjectRef,
    body: object,
    type: PatchType,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<Written<T>> {
    const path = this.objectPath(ref, options.subresource);
    const query = type === 'apply' ? { force: 'true' } : {};
    return this.write({ method: 'PATCH', path, body, contentType: patchTypes[type], query }, options, signal);
  }

  /** Deletes an object. Returns false if it does not exist. */
  async delete(
    ref: ObjectRef,
    { gracePeriodSeconds, propagation, dryRun }: DeleteOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy: propagation };
    const query = { dryRun: dryRun ? 'All' : undefined };
    try {
      await this.connection.send({ method: 'DELETE', path: this.objectPath(ref), body, query }, signal);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Deletes all objects of a kind in a namespace. Returns false if the API server cannot do so for this kind. */
  async deleteAllIn(namespace: string, of: KindRef, signal: AbortSignal): Promise<boolean> {
    try {
      await this.connection.send({ method: 'DELETE', path: pathOf(this.served.get(of), { namespace }) }, signal);
      return true;
    } catch (error) {
      if (error instanceof KubeError && (error.status === 404 || error.status === 405)) return false;
      throw error;
    }
  }

  /** Creates an object at a subresource, such as the `binding` of a pod. */
  async post<T>(ref: ObjectRef, subresource: string, body: object, signal: AbortSignal): Promise<T> {
    const path = this.objectPath(ref, subresource);
    const answer = await this.connection.send<T>({ method: 'POST', path, body }, signal);
    return answer.body;
  }

  /**
   * Reports the changes of a kind's objects after a resource version, in their order, until the API server ends the
   * watch. It does so after some minutes.
   *
   * @returns the resource version from which the next watch continues
   * @throws KubeError with status 410 if the resource version is too old
   */
  async watch<T extends KubeObject = KubeObject>(
    of: KindRef,
    resourceVersion: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const query = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion };
    const path = pathOf(this.served.get(of), {});
    let version = resourceVersion;
    for await (const line of this.connection.lines({ method: 'GET', path, query }, signal)) {
      const { type, object } = JSON.parse(line) as RawEvent<T>;
      if (type === 'ERROR') throw new KubeError(object.code ?? 500, object);
      version = object.metadata.resourceVersion ?? version;
      if (type !== 'BOOKMARK') onEvent({ type, object });
    }
    return version;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
  }

  private async write<T>(
    request: ApiRequest,
    { dryRun, fieldValidation }: WriteOptions,
    signal: AbortSignal,
  ): Promise<Written<T>> {
    const query = { ...request.query, fieldManager, fieldValidation, dryRun: dryRun ? 'All' : undefined };
    const { body, warnings }: ApiAnswer<T> = await this.connection.send({ ...request, query }, signal);
    return { object: body, warnings };
  }

  private objectPath(ref: ObjectRef, subresource?: string): string {
    const { name, namespace = 'default' } = ref.metadata;
    return pathOf(this.served.get(ref), { namespace, name, subresource });
  }
}

type RawEvent<T extends KubeObject> =
  | WatchEvent<T>
  | { readonly type: 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: Status };
