import { defaultPorts } from '../plan/plan.ts';
import { type Service, selects } from './objects.ts';
import type { PodPlan } from './pods.ts';
import { protocolOf, targetPortOf } from './ports.ts';

/** Running pod, with the fields that routes need. */
export interface PlacedPod {
  readonly plan: PodPlan;
  readonly address: string;
}

/**
 * Returns the `--connect-to` entries of a mock with a sidecar. For a Service without port 8080 (gRPC: 9090), a target
 * without a port means the Service's own port. The host name stays the same, so the sidecar routes as usual.
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
 * Returns the `--connect-to` entries of a mock without a sidecar. Neither a proxy nor kube-proxy finds the pods of a
 * Service for it, so it dials these directly, in turn.
 */
export function podRoutes(services: readonly Service[], pods: readonly PlacedPod[], namespace: string): string[] {
  return services.flatMap((service) => {
    const { selector, ports = [] } = service.spec;
    const selected = pods.filter(
      ({ plan }) => plan.namespace === service.metadata.namespace && selects(selector, plan.labels),
    );
    const first = (protocol: 'http' | 'grpc') => ports.find((port) => protocolOf(port) === protocol);
    return selected.flatMap(({ plan, address }) =>
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

/** Returns the DNS names that pods of a namespace may use for a Service. */
export function dnsNamesOf({ metadata: { name, namespace = 'default' } }: Service, from: string): string[] {
  const full = [`${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.${clusterDomain}`];
  return namespace === from ? [name, ...full] : full;
}
