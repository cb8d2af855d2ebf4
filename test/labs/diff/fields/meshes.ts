import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ManifestSource } from '../../../../src/istio/resources/manifest.ts';
import { istioSamples } from '../../../istio/local-mesh.ts';
import type { Site } from './field-mutation.ts';

/** Mesh whose objects are changed. */
export interface MutatedMesh {
  readonly name: string;
  readonly sources: readonly ManifestSource[];
  readonly sites: readonly Site[];
  /** True if it has hosts outside the mesh, in the namespace `outside`. */
  readonly hasOutside: boolean;
  /** True if it has the Gateway `front` of the Gateway API. */
  readonly hasFront: boolean;
}

interface ServiceOptions {
  readonly namespace?: string;
  readonly versions?: readonly string[];
  readonly grpc?: boolean;
  readonly tcp?: boolean;
}

const [httpPort, grpcPort, tcpPort] = [8080, 9090, 7000];

/** Returns a Service, its account and a Deployment for each version. */
export function workloads(name: string, options: ServiceOptions): string {
  const { namespace = 'default', versions = ['v1'] } = options;
  const ports = [`{ name: http, port: ${httpPort} }`];
  if (options.grpc) ports.push(`{ name: grpc, port: ${grpcPort} }`);
  if (options.tcp) ports.push(`{ name: tcp, port: ${tcpPort} }`);
  return [
    `{ apiVersion: v1, kind: ServiceAccount, metadata: { name: ${name}, namespace: ${namespace} } }`,
    `{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: ${namespace} }, spec: { selector: { app: ${name} }, ports: [${ports}] } }`,
    ...versions.map(
      (version) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}-${version}, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: ${name}, version: ${version} } }
  template:
    metadata: { labels: { app: ${name}, version: ${version} } }
    spec: { serviceAccountName: ${name}, containers: [{ name: app, image: ${name} }] }`,
    ),
  ].join('\n---\n');
}

function namespaceObject(name: string, injection = 'enabled'): string {
  return `{ apiVersion: v1, kind: Namespace, metadata: { name: ${name}, labels: { istio-injection: ${injection} } } }`;
}

const two = ['v1', 'v2'];

/** Services of a shop in one namespace, and of a team in another. */
const shop: Readonly<Record<string, ServiceOptions>> = {
  web: {},
  admin: {},
  cart: { versions: two },
  stock: {},
  orders: { versions: two, grpc: true },
  users: { grpc: true },
  search: { versions: two },
  pay: {},
  mail: { namespace: 'team' },
  ledger: { namespace: 'team', versions: two },
  audit: { namespace: 'team', grpc: true },
  store: { tcp: true },
};

/** Services with a Gateway of the Gateway API, and with hosts outside the mesh. */
const media: Readonly<Record<string, ServiceOptions>> = {
  site: {},
  studio: {},
  video: { versions: two },
  audio: { versions: two, grpc: true },
  images: {},
  tags: { grpc: true },
  feed: { namespace: 'core', versions: two },
  likes: { namespace: 'core' },
  views: { namespace: 'core', versions: two, tcp: true },
  queue: { namespace: 'core', tcp: true },
  plans: { versions: two },
  billing: {},
  stats: { namespace: 'core' },
};

const outside = [
  namespaceObject('outside', 'disabled'),
  ...['partner', 'tracker'].map((name) =>
    [
      `{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: outside, annotations: { networking.istio.io/exportTo: . } }, spec: { clusterIP: None, selector: { app: ${name} }, ports: [{ name: http, port: ${httpPort} }] } }`,
      `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}-v1, namespace: outside }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, version: v1 } }
    spec: { containers: [{ name: app, image: ${name} }] }`,
    ].join('\n---\n'),
  ),
].join('\n---\n');

const front = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: default }
spec:
  gatewayClassName: istio
  listeners: [{ name: http, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }]`;

/** A gateway takes seconds to start, so each mesh has it from the beginning. */
const ingress = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: keep, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [keep.example] }]`;

/** Returns Bookinfo, the shop and the media mesh. */
export async function mutatedMeshes(): Promise<MutatedMesh[]> {
  const file = path.join(await istioSamples(), 'bookinfo/platform/kube/bookinfo.yaml');
  const bookinfo = { name: 'bookinfo.yaml', text: readFileSync(file, 'utf8') };
  return [
    {
      name: 'bookinfo',
      sources: [bookinfo, { name: 'ingress.yaml', text: ingress }],
      hasOutside: false,
      hasFront: false,
      sites: ['details', 'ratings', 'reviews'].map((name, number) => ({
        ...site(name, name === 'reviews' ? { versions: ['v1', 'v2', 'v3'] } : {}, number, ['productpage', 'reviews']),
        port: 9080,
        spare: 'productpage.default.svc.cluster.local',
        ...(name === 'reviews' ? { callers: ['productpage', 'ratings'] as const } : {}),
      })),
    },
    {
      name: 'shop',
      sources: [
        source('shop', [namespaceObject('team'), ...Object.entries(shop).map((one) => workloads(...one)), ingress]),
      ],
      hasOutside: false,
      hasFront: false,
      sites: sitesOf(shop, ['web', 'admin'], 'team'),
    },
    {
      name: 'media',
      sources: [
        source('media', [
          namespaceObject('core'),
          ...Object.entries(media).map((one) => workloads(...one)),
          outside,
          front,
          ingress,
        ]),
      ],
      hasOutside: true,
      hasFront: true,
      sites: sitesOf(media, ['site', 'studio'], 'core'),
    },
  ];
}

function source(name: string, texts: readonly string[]): ManifestSource {
  return { name: `${name}.yaml`, text: texts.join('\n---\n') };
}

/** The first two services only call: no mutation changes them. */
function sitesOf(
  services: Readonly<Record<string, ServiceOptions>>,
  callers: readonly [string, string],
  otherNamespace: string,
): Site[] {
  return Object.entries(services)
    .filter(([name]) => !callers.includes(name))
    .map(([name, options], number) => ({ ...site(name, options, number, callers), otherNamespace }));
}

function site(name: string, options: ServiceOptions, number: number, callers: readonly [string, string]): Site {
  const { namespace = 'default', versions = ['v1'], grpc = false, tcp = false } = options;
  return {
    name,
    namespace,
    host: `${name}.${namespace}.svc.cluster.local`,
    versions,
    port: httpPort,
    spare: `${callers[0]}.default.svc.cluster.local`,
    callers,
    otherNamespace: undefined,
    grpcPort: grpc ? grpcPort : undefined,
    tcpPort: tcp ? tcpPort : undefined,
    number,
  };
}
