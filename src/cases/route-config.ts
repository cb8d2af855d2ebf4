import { type Gateway, isIstioGateway } from '../istio/resources/gateways.ts';
import { type KubeObject, namespaceOf } from '../istio/resources/objects.ts';
import { clusterDomain, fullHost } from '../istio/resources/routes.ts';
import { isVirtualService, type VirtualService } from '../istio/resources/virtual-service.ts';

/** Name and namespace of an object. */
export interface ObjectName {
  readonly name: string;
  readonly namespace: string;
}

/** VirtualServices and Gateways of a mesh. */
export class RouteConfig {
  readonly virtualServices: readonly VirtualService[];
  readonly gateways: readonly Gateway[];

  /** @param objects all objects of the mesh, each with its namespace */
  constructor(objects: readonly KubeObject[]) {
    this.virtualServices = objects.filter(isVirtualService);
    this.gateways = objects.filter(isIstioGateway);
  }

  /** Returns the VirtualServices that have an authority among their hosts. */
  virtualServicesFor(authority: string): VirtualService[] {
    const name = authority.replace(/:\d+$/, '').toLowerCase();
    return this.virtualServices.filter((service) =>
      (service.spec.hosts ?? []).some((host) => matchesHost(host, name, namespaceOf(service))),
    );
  }

  /** Returns the names of all delegates, whether they exist or not. */
  delegates(): ObjectName[] {
    return this.virtualServices.flatMap((service) =>
      (service.spec.http ?? []).flatMap(({ delegate }) =>
        delegate === undefined ? [] : [{ name: delegate.name, namespace: delegate.namespace ?? namespaceOf(service) }],
      ),
    );
  }

  /** Reports whether a route splits its requests between a host and other hosts. */
  sharesRoute(host: string): boolean {
    return this.virtualServices.some((service) => {
      const namespace = namespaceOf(service);
      const isSameHost = (other: string): boolean => fullHost(other, namespace) === fullHost(host, namespace);
      return (service.spec.http ?? []).some(
        ({ route }) => (route ?? []).length > 1 && route?.some(({ destination }) => isSameHost(destination.host)),
      );
    });
  }

  findVirtualService({ name, namespace }: ObjectName): VirtualService | undefined {
    return this.virtualServices.find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
  }

  findGateway({ name, namespace }: ObjectName): Gateway | undefined {
    return this.gateways.find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
  }
}

/** Returns the full hosts that the routes of a VirtualService lead to, without those of its delegates. */
export function destinationHosts(service: VirtualService): Set<string> {
  const destinations = (service.spec.http ?? []).flatMap(({ route }) => route ?? []);
  return new Set(destinations.map(({ destination: { host } }) => fullHost(host, namespaceOf(service))));
}

/** Reports whether a host of a VirtualService in a namespace matches a name. */
function matchesHost(host: string, name: string, namespace: string): boolean {
  if (host === '*') return true;
  if (host.startsWith('*')) return name.endsWith(host.slice(1)) && name.length > host.length - 1;
  if (host === name) return true;
  const full = fullHost(host, namespace);
  const [service = '', serviceNamespace = '', ...domain] = full.split('.');
  if (domain.join('.') !== clusterDomain) return false;
  return [full, `${service}.${serviceNamespace}.svc`, `${service}.${serviceNamespace}`, service].includes(name);
}
