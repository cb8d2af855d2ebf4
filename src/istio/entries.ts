import { type Service, selects } from './objects.ts';
import { targetPortOf } from './ports.ts';
import type { RunningPod } from './running-pod.ts';
import { entryPorts } from './sidecar.ts';

/** A way into the mesh from outside: like a port-forward to a Service's pods, or to a gateway. */
export interface Entry {
  /** `productpage`, or `bar.other` in another namespace than `default`. */
  readonly name: string;
  readonly kind: 'service' | 'gateway' | 'jaeger';
  readonly protocol: 'http' | 'grpc';
  /** The port of a gateway's Service. */
  readonly port?: number;
  /** Where it leads, in turn. */
  readonly targets: readonly { readonly host: string; readonly port: number }[];
}

/** What the entries of a Service are called. */
export function entryName(service: string, namespace: string): string {
  return namespace === 'default' ? service : `${service}.${namespace}`;
}

/**
 * What somebody means by a name: what is called so in a namespace, else what is called so anywhere.
 *
 * @param nameOf as `entryName` names it
 * @param name with or without a namespace
 */
export function findByName<T>(all: readonly T[], nameOf: (one: T) => string, name: string, namespace: string): T[] {
  const own = entryName(name, namespace);
  const found = all.filter((one) => nameOf(one) === own);
  return found.length > 0 ? found : all.filter((one) => nameOf(one) === name.replace(/\.default$/, ''));
}

/** The entries of a bed: past their sidecars to the mocks of each Service, and to each port of a gateway. */
export function entriesOf(services: readonly Service[], pods: readonly RunningPod[]): Entry[] {
  return services.flatMap((service): Entry[] => {
    const { name: own, namespace = 'default' } = service.metadata;
    const name = entryName(own, namespace);
    const behind = pods.filter(
      ({ plan }) => plan.namespace === namespace && selects(service.spec.selector, plan.labels),
    );
    const [first] = behind;
    if (first === undefined) return [];
    const targets = (port: number) => behind.map(({ address }) => ({ host: address, port }));
    if (first.plan.role === 'gateway')
      return (service.spec.ports ?? []).map((port) => ({
        ...{ name, kind: 'gateway', protocol: 'http', port: port.port },
        targets: targets(targetPortOf(port, first.plan.spec) ?? port.port),
      }));
    return (['http', 'grpc'] as const).map((protocol) => ({
      ...{ name, kind: 'service', protocol },
      targets: targets(entryPorts[protocol]),
    }));
  });
}
