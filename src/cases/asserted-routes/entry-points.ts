import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Gateway } from '../../istio/resources/gateways.ts';
import { type KubeObject, namespaceOf } from '../../istio/resources/objects.ts';
import type { VirtualService } from '../../istio/resources/virtual-service.ts';
import type { ObjectName, RouteConfig } from '../route-config.ts';

/** Name of the pod with a sidecar that sends requests inside the mesh, one for each namespace that needs it. */
export const clientName = 'meshmock-client';

/** Proxy that applies VirtualServices to the requests of an authority. */
export type EntryPoint =
  | { readonly kind: 'gateway'; readonly namespace: string; readonly name: string }
  /** A sidecar in the namespace of the VirtualService, where short host names mean the same. */
  | { readonly kind: 'sidecar'; readonly namespace: string };

/** Istio's name for all sidecars, in the `gateways` of a VirtualService. */
const allSidecars = 'mesh';

/**
 * Returns the entry points for an authority: the gateways of the VirtualServices that have it among their hosts, and a
 * sidecar if they apply to sidecars. An authority without a VirtualService gets any entry point of the others.
 *
 * @throws MeshmockError `usage` when no VirtualService has hosts
 */
export function entryPointsFor(config: RouteConfig, authority: string): EntryPoint[] {
  const matching = config.virtualServicesFor(authority);
  const entryPoints = distinctEntryPoints(matching.length > 0 ? matching : withHosts(config));
  if (entryPoints.length === 0)
    throw new MeshmockError('usage', 'no VirtualService has hosts: add the manifests that have them with --manifests');
  return matching.length > 0 ? entryPoints : entryPoints.slice(0, 1);
}

/** Returns the VirtualServices that are not delegates. */
function withHosts({ virtualServices }: RouteConfig): VirtualService[] {
  return virtualServices.filter(({ spec }) => (spec.hosts ?? []).length > 0);
}

function distinctEntryPoints(services: readonly VirtualService[]): EntryPoint[] {
  const all = services.flatMap(entryPointsOf);
  return [...new Map(all.map((entryPoint) => [JSON.stringify(entryPoint), entryPoint])).values()];
}

function entryPointsOf(service: VirtualService): EntryPoint[] {
  const { gateways = [] } = service.spec;
  const namespace = namespaceOf(service);
  return (gateways.length === 0 ? [allSidecars] : gateways).map((gateway): EntryPoint => {
    if (gateway === allSidecars) return { kind: 'sidecar', namespace };
    const [name = '', gatewayNamespace = namespace] = gateway.split('/').reverse();
    return { kind: 'gateway', namespace: gatewayNamespace, name };
  });
}

/** Formats an entry point for reports. */
export function entryPointTitle(entryPoint: EntryPoint): string {
  return entryPoint.kind === 'gateway' ? `at gateway ${entryPoint.name}` : `from a sidecar in ${entryPoint.namespace}`;
}

/** Returns the clients, Gateways and delegates that the manifests need and do not have, with notes about them. */
export function missingObjects(config: RouteConfig): { readonly objects: KubeObject[]; readonly notes: string[] } {
  const objects: KubeObject[] = [];
  const notes: string[] = [];
  for (const entryPoint of distinctEntryPoints(withHosts(config))) {
    if (entryPoint.kind === 'sidecar') objects.push(...clientObjects(entryPoint.namespace));
    else if (config.findGateway(entryPoint) === undefined) {
      objects.push(gatewayForEveryHost(entryPoint));
      const title = `Gateway ${entryPoint.namespace}/${entryPoint.name}`;
      notes.push(`${title} is not in the manifests: added one for every host on port 80`);
    }
  }
  const delegates = new Map(config.delegates().map((one) => [`${one.namespace}/${one.name}`, one]));
  for (const [title, delegate] of delegates) {
    if (config.findVirtualService(delegate) !== undefined) continue;
    objects.push(mockDelegate(delegate));
    notes.push(`VirtualService ${title} is not in the manifests: added one that routes to a mock`);
  }
  return { objects, notes };
}

function gatewayForEveryHost({ name, namespace }: ObjectName): Gateway {
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

/** Returns a client. Port 80 of its Service makes sidecars listen there for hosts that are not Services. */
function clientObjects(namespace: string): KubeObject[] {
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

function mockDelegate({ name, namespace }: ObjectName): KubeObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace },
    spec: { http: [{ route: [{ destination: { host: `meshmock-delegate-${name}` } }] }] },
  };
}
