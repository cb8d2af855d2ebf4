import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { KubeObject } from '../objects.ts';

export interface ApiServer {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}
export type KindName = Pick<KubeObject, 'apiVersion' | 'kind'>;
export type ObjectRef = KindName & { readonly metadata: { readonly name: string; readonly namespace?: string } };

export class KubeError extends MeshmockError {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(status === 409 ? 'conflict' : 'usage', message);
    this.status = status;
    this.reason = reason;
  }
}

const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export class KubeClient implements AsyncDisposable {
  private readonly server: ApiServer;
  private readonly agent: Agent;
  private kinds = new Map<string, Kind>();
  constructor(server: ApiServer) {
    this.server = server;
    const { ca, cert, key } = server;
    this.agent = new Agent({ connect: { ca, cert, key }, bodyTimeout: 0, headersTimeout: 60_000, connections: 32 });
  }
  async ready(signal: AbortSignal): Promise<void> {
    const answer = await request(`${this.server.url}/readyz`, { dispatcher: this.agent, signal });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new KubeError(answer.statusCode, '', 'not ready');
  }
  async discover(signal: AbortSignal): Promise<void> {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const lists = await Promise.all(['/api', '/apis'].map((p) => this.send('GET', p, undefined, signal, { accept })));
    const kinds = new Map<string, Kind>();
    for (const list of lists as any[])
      for (const group of list.items ?? [])
        for (const version of group.versions ?? [])
          for (const resource of version.resources ?? []) {
            const name = group.metadata.name ?? '';
            const apiVersion = name === '' ? version.version : `${name}/${version.version}`;
            kinds.set(`${apiVersion} ${resource.responseKind.kind}`, {
              group: name, version: version.version, kind: resource.responseKind.kind, plural: resource.resource, namespaced: resource.scope === 'Namespaced',
            });
          }
    this.kinds = kinds;
  }
  kindOf({ apiVersion, kind }: KindName): Kind | undefined {
    return this.kinds.get(`${apiVersion} ${kind}`);
  }
  private path(of: KindName, namespace: string | undefined, name?: string, sub?: string): string {
    const kind = this.kindOf(of);
    if (kind === undefined) throw new MeshmockError('usage', `the API server has no kind ${of.kind} of ${of.apiVersion}`);
    const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
    const inNamespace = kind.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
    return `${base}${inNamespace}/${kind.plural}${name === undefined ? '' : `/${name}`}${sub === undefined ? '' : `/${sub}`}`;
  }
  private refPath({ apiVersion, kind, metadata }: ObjectRef, sub?: string): string {
    return this.path({ apiVersion, kind }, metadata.namespace ?? 'default', metadata.name, sub);
  }
  async get<T extends KubeObject>(ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
    return (await this.send('GET', this.refPath(ref), undefined, signal).catch((error: unknown) => {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    })) as T | undefined;
  }
  async list<T extends KubeObject>(of: KindName, signal: AbortSignal): Promise<{ items: T[]; resourceVersion: string }> {
    const list = (await this.send('GET', this.path(of, undefined), undefined, signal)) as any;
    return { items: list.items.map((item: any) => ({ ...item, apiVersion: of.apiVersion, kind: of.kind })), resourceVersion: list.metadata.resourceVersion };
  }
  async create<T extends KubeObject>(object: T, signal: AbortSignal): Promise<T> {
    return (await this.send('POST', this.path(object, object.metadata.namespace ?? 'default') + '?fieldValidation=Strict', object, signal)) as T;
  }
  async patch<T extends KubeObject>(ref: ObjectRef, body: unknown, type: keyof typeof patchTypes, { subresource }: { subresource?: string }, signal: AbortSignal): Promise<T> {
    const query = type === 'apply' ? '?fieldManager=meshmock&force=true' : '';
    return (await this.send('PATCH', this.refPath(ref, subresource) + query, body, signal, { 'content-type': patchTypes[type] })) as T;
  }
  async delete(ref: ObjectRef, { gracePeriodSeconds, propagation = 'Background' }: { gracePeriodSeconds?: number; propagation?: string }, signal: AbortSignal): Promise<void> {
    await this.send('DELETE', this.refPath(ref), { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: propagation, ...optional('gracePeriodSeconds', gracePeriodSeconds) }, signal).catch((error: unknown) => {
      if (!(error instanceof KubeError && error.status === 404)) throw error;
    });
  }
  async bind({ metadata }: ObjectRef, node: string, signal: AbortSignal): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name: metadata.name }, target: { apiVersion: 'v1', kind: 'Node', name: node } };
    await this.send('POST', `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/binding`, body, signal);
  }
  async createToken({ namespace, serviceAccount, audiences, seconds, pod }: { namespace: string; serviceAccount: string; audiences: readonly string[]; seconds: number; pod?: { name: string; uid: string } }, signal: AbortSignal): Promise<{ token: string; expirationTimestamp: string }> {
    const body = {
      apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest',
      spec: { audiences, expirationSeconds: seconds, ...(pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }) },
    };
    const answer = (await this.send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`, body, signal)) as any;
    return answer.status;
  }
  async watch(of: KindName, resourceVersion: string, onEvent: (type: string, object: KubeObject) => void, signal: AbortSignal): Promise<void> {
    const url = `${this.server.url}${this.path(of, undefined)}?watch=1&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`;
    const { body, statusCode } = await request(url, { dispatcher: this.agent, signal });
    if (statusCode !== 200) throw new KubeError(statusCode, '', await body.text());
    let rest = '';
    body.setEncoding('utf8');
    for await (const chunk of body) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') { const e = JSON.parse(line); onEvent(e.type, e.object); }
    }
  }
  private async send(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body: unknown, signal: AbortSignal, headers: Record<string, string> = {}): Promise<unknown> {
    const answer = await request(`${this.server.url}${path}`, {
      method, dispatcher: this.agent, signal,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return JSON.parse(text);
    // The API server is still filling its caches.
    if (answer.statusCode === 429) {
      await sleep(50, undefined, { signal });
      return this.send(method, path, body, signal, headers);
    }
    let status: any = {};
    try { status = JSON.parse(text); } catch {}
    throw new KubeError(answer.statusCode, status.reason ?? '', status.message ?? text);
  }
  async [Symbol.asyncDispose](): Promise<void> { await this.agent.destroy(); }
}
