import { defaultPorts } from '../plan/plan.ts';
import { type Service, selects } from './objects.ts';
import type { PodPlan } from './pods.ts';
import { protocolOf, targetPortOf } from './ports.ts';

/** A pod that runs, as much as routes need. */
export interface Placed {
  readonly plan: PodPlan;
  readonly address: string;
}

/**
 * The `--connect-to` entries of a mock: a target without a port means the port that its Service has, for Services
 * that have no port 8080 (gRPC 9090). The name stays, so that the sidecar routes as it would.
 */
export function defaultPortRoutes(services: readonly Service[], namespace: string): string[] {
  return services.flatMap((service) => {
    const ports = service.spec.ports ?? [];
    return (['http', 'grpc'] as const).flatMap((protocol) => {
      if (ports.some(({ port }) => port === defaultPorts[protocol])) return [];
      const first = ports.find((port) => protocolOf(port) === protocol);
      if (first === undefined) return [];
      return dnsNamesOf(service, namespace).map((name) => `${name}:${defaultPorts[protocol]}::${first.port}`);
    });
  });
}

/**
 * The entries of a mock outside the mesh, for which no proxy and no kube-proxy finds the pods of a Service: it dials
 * them itself, in turn.
 */
export function podRoutes(services: readonly Service[], pods: readonly Placed[], namespace: string): string[] {
  return services.flatMap((service) => {
    const { selector, ports = [] } = service.spec;
    const own = pods.filter(
      ({ plan }) => plan.namespace === service.metadata.namespace && selects(selector, plan.labels),
    );
    const first = (protocol: 'http' | 'grpc') => ports.find((port) => protocolOf(port) === protocol);
    return own.flatMap(({ plan, address }) =>
      ports.flatMap((port) => {
        const protocol = protocolOf(port);
        const isDefault = protocol !== 'other' && port === first(protocol);
        const from = new Set([port.port, ...(isDefault ? [defaultPorts[protocol]] : [])]);
        const target = targetPortOf(port, plan.spec) ?? port.port;
        return dnsNamesOf(service, namespace).flatMap((name) =>
          [...from].map((number) => `${name}:${number}:${address}:${target}`),
        );
      }),
    );
  });
}

/** DNS domain of a cluster's Services. */
export const clusterDomain = 'svc.cluster.local';

/** Returns the full name of a host. Istio completes only names without a dot (`ResolveShortnameToFQDN`). */
export function fullHost(host: string, namespace: string): string {
  return host.includes('.') ? host : `${host}.${namespace}.${clusterDomain}`;
}

/** The names of a Service in DNS, as a pod of a namespace may write them. */
export function dnsNamesOf({ metadata: { name, namespace = 'default' } }: Service, from: string): string[] {
  const full = [`${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.${clusterDomain}`];
  return namespace === from ? [name, ...full] : full;
}
