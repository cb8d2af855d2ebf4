import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { parse } from 'yaml';
import { optional } from '../../error/optional.ts';
import type { KubeObject } from '../objects.ts';
import { applyPatch, type PatchOperation } from './json-patch.ts';
import type { Kind, Kinds } from './kinds.ts';
import { type Matches, parseSelectors } from './selectors.ts';
import type { Store } from './store.ts';
import { watch } from './watch.ts';

/** Objects that a path of the API names (Kubernetes API concepts, "Resource URIs"). */
interface ResourceTarget {
  readonly kind: Kind;
  readonly apiVersion: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** True for the `status` subresource. A write to it changes nothing but the status. */
  readonly isStatus: boolean;
}

const resourcePath =
  /^\/(?:api\/(?<core>v1)|apis\/(?<group>[^/]+)\/(?<version>[^/]+))(?:\/namespaces\/(?<namespace>[^/]+)(?=\/[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?<status>\/status$)?/;

/** Error that istiod receives as a `Status`, as from a cluster. */
class ApiError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/**
 * Creates a server for the part of the Kubernetes API that an unmodified istiod needs. It supports list, watch, get,
 * create, update, patch and delete of the known kinds. It also answers reviews of tokens and access, all of which
 * succeed.
 */
export function createApiServer(store: Store, kinds: Kinds): Server {
  return createServer((request, response) => {
    answer(store, kinds, request, response).catch((error: unknown) => {
      const isOurs = error instanceof ApiError;
      const { code, reason, message } = isOurs ? error : new ApiError(500, 'InternalError', String(error));
      const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
      if (response.headersSent) response.destroy();
      else send(response, code, status);
    });
  });
}

async function answer(store: Store, kinds: Kinds, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://api');
  if (url.pathname === '/version') {
    send(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0' });
    return;
  }
  const path = resourcePath.exec(url.pathname)?.groups;
  const { core, group = '', version, namespace, plural = '', name, status } = path ?? {};
  if (plural === 'tokenreviews') return send(response, 201, reviewToken(await json(request)));
  if (plural.endsWith('accessreviews'))
    return send(response, 201, { ...((await json(request)) as object), status: { allowed: true } });
  const kind = kinds.ofPlural(group, plural);
  if (path === undefined || kind === undefined) throw new ApiError(404, 'NotFound', `${url.pathname} is not served`);
  const apiVersion = core ?? `${group}/${version}`;
  const target: ResourceTarget = { kind, apiVersion, namespace, name, isStatus: status !== undefined };
  if (request.method !== 'GET') return change(store, target, request, response);
  const show = viewOf(target, request);
  if (name !== undefined) return send(response, 200, show(existingObject(store, target)));
  const isSelected = parseSelectors(url.searchParams);
  const matches: Matches = (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) && isSelected(object);
  if (/^(?:1|true)$/.test(url.searchParams.get('watch') ?? ''))
    return watch({ store, kind, parameters: url.searchParams, matches, show }, response);
  const metadata = { resourceVersion: String(store.version) };
  const items = store.list(kind).filter(matches).map(show);
  const isMetadataOnly = wantsMetadata(request);
  send(response, 200, {
    kind: isMetadataOnly ? 'PartialObjectMetadataList' : `${kind.kind}List`,
    apiVersion: isMetadataOnly ? metadataVersion : apiVersion,
    metadata,
    items,
  });
}

const metadataVersion = 'meta.k8s.io/v1';

function wantsMetadata({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? '').includes('as=PartialObjectMetadata');
}

/** Returns the function that makes the body of an answer from an object, in the form that the request accepts. */
function viewOf({ kind, apiVersion }: ResourceTarget, request: IncomingMessage): (object: KubeObject) => unknown {
  if (!wantsMetadata(request)) return (object) => ({ ...object, apiVersion, kind: kind.kind });
  return ({ metadata }) => ({ kind: 'PartialObjectMetadata', apiVersion: metadataVersion, metadata });
}

function existingObject(store: Store, { kind, namespace, name = '' }: ResourceTarget): KubeObject {
  const object = store.get(kind, namespace, name);
  if (object === undefined) throw new ApiError(404, 'NotFound', `${kind.plural} "${name}" not found`);
  return object;
}

async function change(
  store: Store,
  target: ResourceTarget,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { kind, apiVersion, namespace, name, isStatus } = target;
  const show = viewOf(target, request);
  if (request.method === 'DELETE') {
    store.remove(kind, namespace, existingObject(store, target).metadata.name);
    return send(response, 200, { kind: 'Status', apiVersion: 'v1', status: 'Success' });
  }
  // A server-side apply sends YAML. JSON is a subset of YAML.
  const body = parse(await textOf(request)) as KubeObject;
  if (isStatus) {
    const old = existingObject(store, target);
    const { status = {} } = Array.isArray(body) ? patchOr422(old, body) : body;
    return send(response, 200, show(store.put(kind, { ...old, status }).object));
  }
  const withNamespace = (object: KubeObject): KubeObject => ({
    ...object,
    apiVersion,
    kind: kind.kind,
    metadata: { ...object.metadata, ...optional('namespace', namespace) },
  });
  switch (request.method) {
    case 'POST': {
      const object = withNamespace(body);
      if (store.get(kind, namespace, object.metadata.name) !== undefined)
        throw new ApiError(409, 'AlreadyExists', `${kind.plural} "${object.metadata.name}" already exists`);
      return send(response, 201, show(store.put(kind, object).object));
    }
    case 'PUT':
      return send(response, 200, show(store.put(kind, withNamespace(body)).object));
    case 'PATCH': {
      const old = store.get(kind, namespace, name ?? '');
      const isApply = (request.headers['content-type'] ?? '').includes('apply-patch');
      if (old === undefined && !isApply) throw new ApiError(404, 'NotFound', `${kind.plural} "${name}" not found`);
      const next = Array.isArray(body) ? patchOr422(existingObject(store, target), body) : merge(old, body);
      return send(response, 200, show(store.put(kind, withNamespace(next)).object));
    }
    default:
      throw new ApiError(405, 'MethodNotAllowed', `the method ${request.method} is not supported`);
  }
}

/** Applies a JSON Patch. A failed test is answered with 422. */
function patchOr422(old: KubeObject, operations: readonly PatchOperation[]): KubeObject {
  try {
    return applyPatch(old, operations);
  } catch (error) {
    throw new ApiError(422, 'Invalid', (error as Error).message);
  }
}

/**
 * Merges the fields of an object and of its metadata. This covers the merge patches that istiod sends, and server-side
 * apply with a single field manager.
 */
function merge(old: KubeObject | undefined, patch: KubeObject): KubeObject {
  return { ...old, ...patch, metadata: { ...old?.metadata, ...patch.metadata } };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Accepts every token without a check of its signature. The tokens of a local mesh are unsigned (`tokenFor`). */
function reviewToken(body: unknown): unknown {
  const review = body as { spec: { token: string; audiences?: string[] } };
  const claims = JSON.parse(Buffer.from(review.spec.token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
    sub: string;
  };
  const groups = ['system:serviceaccounts', 'system:authenticated'];
  const user = { username: claims.sub, groups };
  return { ...review, status: { authenticated: true, audiences: review.spec.audiences, user } };
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
