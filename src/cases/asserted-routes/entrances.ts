import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Gateway } from '../../istio/gateways.ts';
import { type KubeObject, namespaceOf } from '../../istio/objects.ts';
import type { VirtualService } from '../../istio/virtual-service.ts';
import type { RouteConfig } from '../route-config.ts';

/** The pod with a sidecar from which requests inside the mesh are sent, in each namespace that needs one. */
export const clientName = 'meshmock-client';

/** Where the requests of an authority enter. */
export type Entrance =
  | { readonly kind: 'gateway'; readonly namespace: string; readonly name: string }
  /** A sidecar, in the namespace of the VirtualService: short names mean the same there. */
  | { readonly kind: 'sidecar'; readonly namespace: string };

/** Istio's own word for all sidecars. */
const mesh = 'mesh';

/**
 * Where requests for an authority enter: the gateways of the VirtualServices that have it among their hosts, and a
 * sidecar for those of the mesh. For one that none has: wherever any other enters.
 */
export function entrancesOf(config: RouteConfig, authority: string): Entrance[] {
  const own = config.of(authority);
  const all = own.length > 0 ? own : config.virtualServices.filter(({ spec }) => (spec.hosts ?? []).length > 0);
  const found = new Map(all.flatMap(entrancesOfOne).map((entrance) => [keyOf(entrance), entrance]));
  if (found.size === 0) throw new MeshmockError('usage', 'there is no VirtualService with hosts: give --manifests');
  return own.length > 0 ? [...found.values()] : [...found.values()].slice(0, 1);
}

function entrancesOfOne(service: VirtualService): Entrance[] {
  const { gateways = [] } = service.spec;
  const namespace = namespaceOf(service);
  return (gateways.length === 0 ? [mesh] : gateways).map((gateway): Entrance => {
    if (gateway === mesh) return { kind: 'sidecar', namespace };
    const [name = '', own = namespace] = gateway.split('/').reverse();
    return { kind: 'gateway', namespace: own, name };
  });
}

function keyOf(entrance: Entrance): string {
  return [entrance.kind, entrance.namespace, entrance.kind === 'gateway' ? entrance.name : ''].join(' ');
}

/** How an entrance is called in reports. */
export function entranceTitle(entrance: Entrance): string {
  return entrance.kind === 'gateway' ? `at gateway ${entrance.name}` : `from a sidecar in ${entrance.namespace}`;
}

/** What is missing for every VirtualService to be entered, and for every delegate to be there. */
export function missingObjects(config: RouteConfig): { readonly objects: KubeObject[]; readonly notes: string[] } {
  const roots = config.virtualServices.filter(({ spec }) => (spec.hosts ?? []).length > 0);
  const entrances = new Map(roots.flatMap(entrancesOfOne).map((entrance) => [keyOf(entrance), entrance]));
  const objects: KubeObject[] = [];
  const notes: string[] = [];
  for (const entrance of entrances.values()) {
    if (entrance.kind === 'sidecar') objects.push(...client(entrance.namespace));
    else if (gatewayOf(config, entrance) === undefined) {
      objects.push(openGateway(entrance));
      notes.push(`no Gateway ${entrance.namespace}/${entrance.name} is given: one for every host on port 80 was made`);
    }
  }
  const delegates = new Map(config.delegates().map((one) => [`${one.namespace}/${one.name}`, one]));
  for (const [title, { name, namespace }] of delegates) {
    if (config.virtualService(name, namespace) !== undefined) continue;
    objects.push(standIn(name, namespace));
    notes.push(`no VirtualService ${title} is given: one that leads to a mock of its own was made in its place`);
  }
  return { objects, notes };
}

export function gatewayOf(
  { gateways }: RouteConfig,
  { name, namespace }: { readonly name: string; readonly namespace: string },
): Gateway | undefined {
  return gateways.find((gateway) => gateway.metadata.name === name && namespaceOf(gateway) === namespace);
}

function openGateway({ name, namespace }: { readonly name: string; readonly namespace: string }): Gateway {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace },
    spec: {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    },
  };
}

/** Its own Service has port 80, so that sidecars listen for hosts there that are no Service. */
function client(namespace: string): KubeObject[] {
  const labels = { app: clientName };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: clientName, namespace },
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 80 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: clientName, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'mock', image: 'meshmock', ports: [{ containerPort: 80 }] }] },
        },
      },
    },
  ];
}

/** A VirtualService in the place of somebody else's, to which one of ours delegates. */
function standIn(name: string, namespace: string): KubeObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace },
    spec: { http: [{ route: [{ destination: { host: `meshmock-delegate-${name}` } }] }] },
  };
}
