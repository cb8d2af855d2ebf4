import { type Gateway, isIstioGateway } from '../istio/gateways.ts';
import { type KubeObject, namespaceOf } from '../istio/objects.ts';
import { clusterDomain, fullHost } from '../istio/routes.ts';
import { isVirtualService, type VirtualService } from '../istio/virtual-service.ts';

/** What VirtualServices and Gateways say, of those that belong to Istio. */
export class RouteConfig {
  readonly virtualServices: readonly VirtualService[];
  readonly gateways: readonly Gateway[];

  /** @param objects each with its namespace */
  constructor(objects: readonly KubeObject[]) {
    this.virtualServices = objects.filter(isVirtualService);
    this.gateways = objects.filter(isIstioGateway);
  }

  /** The VirtualServices that have an authority among their hosts. */
  of(authority: string): VirtualService[] {
    const name = authority.replace(/:\d+$/, '').toLowerCase();
    return this.virtualServices.filter((service) =>
      (service.spec.hosts ?? []).some((host) => isHostOf(host, name, namespaceOf(service))),
    );
  }

  /** Those to which one that has a name delegates, or would if they were there. */
  delegates(): { readonly name: string; readonly namespace: string }[] {
    return this.virtualServices.flatMap((service) =>
      (service.spec.http ?? []).flatMap(({ delegate }) =>
        delegate === undefined ? [] : [{ name: delegate.name, namespace: delegate.namespace ?? namespaceOf(service) }],
      ),
    );
  }

  /** Whether some route leads to a host and elsewhere as well. */
  sharesRoute(host: string): boolean {
    return this.virtualServices.some((service) => {
      const isIt = (other: string): boolean =>
        fullHost(other, namespaceOf(service)) === fullHost(host, namespaceOf(service));
      return (service.spec.http ?? []).some(
        ({ route }) => (route ?? []).length > 1 && route?.some(({ destination }) => isIt(destination.host)),
      );
    });
  }

  virtualService(name: string, namespace: string): VirtualService | undefined {
    return this.virtualServices.find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
  }
}

/** The hosts that a VirtualService sends to, itself: not those of its delegates. */
export function destinationsOf(service: VirtualService): Set<string> {
  const destinations = (service.spec.http ?? []).flatMap(({ route }) => route ?? []);
  return new Set(destinations.map(({ destination: { host } }) => fullHost(host, namespaceOf(service))));
}

/** Whether a name is one of those that a host of a VirtualService stands for. */
function isHostOf(host: string, name: string, namespace: string): boolean {
  if (host === '*') return true;
  if (host.startsWith('*')) return name.endsWith(host.slice(1)) && name.length > host.length - 1;
  if (host === name) return true;
  const full = fullHost(host, namespace);
  const [service = '', own = '', ...domain] = full.split('.');
  if (domain.join('.') !== clusterDomain) return false;
  return [full, `${service}.${own}.svc`, `${service}.${own}`, service].includes(name);
}
