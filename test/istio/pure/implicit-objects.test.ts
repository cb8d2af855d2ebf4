import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClusterView, viewKinds } from '../../../src/istio/cluster/cluster-view.ts';
import type { KindRef, ObjectRef } from '../../../src/istio/kube-api/kinds.ts';
import type { KubeClient, Written } from '../../../src/istio/kube-api/kube-client.ts';
import { ObjectCache } from '../../../src/istio/kube-api/object-cache.ts';
import { ImplicitObjects } from '../../../src/istio/local-mesh/implicit-objects.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';

const signal = new AbortController().signal;

/** API server in memory, which keeps a list of its requests. */
class MemoryApi {
  readonly objects: KubeObject[];
  readonly requests: string[] = [];

  constructor(objects: readonly KubeObject[]) {
    this.objects = [...objects];
  }

  async list(of: KindRef): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    const items = this.objects.filter(({ apiVersion, kind }) => apiVersion === of.apiVersion && kind === of.kind);
    return { items, resourceVersion: '1' };
  }

  /** A watch that never sees a change. */
  watch(): Promise<string> {
    return new Promise(() => {});
  }

  async get(ref: ObjectRef): Promise<KubeObject | undefined> {
    this.requests.push(`get ${ref.kind}/${ref.metadata.name}`);
    return this.objects.find(({ kind, metadata }) => kind === ref.kind && metadata.name === ref.metadata.name);
  }

  /** Merges a manifest that sets the same fields as before, as kubectl does. */
  async applied(manifest: KubeObject, live: KubeObject | undefined): Promise<KubeObject> {
    if (live === undefined) return manifest;
    const merged = { ...live, ...manifest, metadata: { ...live.metadata, ...manifest.metadata } };
    return withoutEmptyMaps(merged);
  }

  async create(object: KubeObject): Promise<Written<KubeObject>> {
    this.requests.push(`create ${object.kind}/${object.metadata.name}`);
    const stored = withoutEmptyMaps(object);
    this.objects.push(stored);
    return { object: stored, warnings: [] };
  }

  async update(object: KubeObject): Promise<Written<KubeObject>> {
    this.requests.push(`update ${object.kind}/${object.metadata.name}`);
    return { object, warnings: [] };
  }

  /** Updates the implicit objects of a mesh with `--fill`, which reads this API now. Returns the requests. */
  async fill(): Promise<string[]> {
    const client = this as unknown as KubeClient;
    const cache = new ObjectCache(client, viewKinds);
    await cache.start(signal);
    await new ImplicitObjects(client, new ClusterView(cache), { fill: true }).update(signal);
    return this.requests.splice(0);
  }
}

/** Returns an object as the API server stores it. */
function withoutEmptyMaps(object: KubeObject): KubeObject {
  const isEmpty = (value: unknown): boolean => JSON.stringify(value) === '{}';
  return JSON.parse(JSON.stringify(object, (_, value) => (isEmpty(value) ? undefined : value))) as KubeObject;
}

const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
const service: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'shop', namespace: 'default' },
  spec: { selector: { app: 'shop' }, ports: [{ name: 'http', port: 8080 }] },
};

describe('the implicit objects of a mesh', () => {
  it('are created once, and cause no request while they are as they must be', async () => {
    const api = new MemoryApi([namespace, service]);
    assert.deepEqual(await api.fill(), ['get Deployment/shop', 'create Deployment/shop']);
    assert.deepEqual(await api.fill(), []);
  });

  it('contain one Service of a gateway to which a route leads, and no mocks of its subsets', async () => {
    const istio = { apiVersion: 'networking.istio.io/v1' } as const;
    const host = 'istio-egressgateway.istio-system.svc.cluster.local';
    const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['partner.outside'] }];
    const destination = { host, subset: 'partner', port: { number: 80 } };
    const metadata = { name: 'partner', namespace: 'default' };
    const api = new MemoryApi([
      namespace,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'istio-system' } },
      { ...istio, kind: 'Gateway', metadata, spec: { selector: { istio: 'egressgateway' }, servers } },
      { ...istio, kind: 'DestinationRule', metadata, spec: { host, subsets: [{ name: 'partner' }] } },
      {
        ...istio,
        kind: 'VirtualService',
        metadata,
        spec: { hosts: ['partner.outside'], http: [{ route: [{ destination }] }] },
      },
    ]);
    const written = async (): Promise<string[]> =>
      (await api.fill()).filter((request) => /^(?:create|update) (?:Service|Deployment)\//.test(request));
    const once = ['create Deployment/istio-egressgateway', 'create Service/istio-egressgateway'];
    assert.deepEqual([await written(), await written()], [once, []]);
  });

  it('are restored if another program has changed them', async () => {
    const api = new MemoryApi([namespace, service]);
    await api.fill();
    const deployment = api.objects.find(({ kind }) => kind === 'Deployment');
    assert.ok(deployment);
    const { spec } = deployment;
    deployment.spec = { ...(spec as object), selector: { matchLabels: { app: 'other' } } };
    assert.deepEqual(await api.fill(), ['get Deployment/shop', 'update Deployment/shop']);
  });

  it('contain a missing account of a user, but not that of a Gateway whose Deployment the garbage collector still deletes', async () => {
    const gatewayLabels = { 'gateway.networking.k8s.io/gateway-name': 'front' };
    const api = new MemoryApi([namespace, deploymentOf('shop', {}), deploymentOf('front-istio', gatewayLabels)]);
    const created = (await api.fill()).filter((request) => request.startsWith('create ServiceAccount/'));
    assert.deepEqual(created, ['create ServiceAccount/shop']);
  });
});

/** Returns a Deployment whose pods run as the account of the same name. */
function deploymentOf(name: string, labels: Readonly<Record<string, string>>): KubeObject {
  const template = { metadata: { labels: { app: name } }, spec: { serviceAccountName: name, containers: [] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', labels },
    spec: { selector: { matchLabels: { app: name } }, template },
  };
}
