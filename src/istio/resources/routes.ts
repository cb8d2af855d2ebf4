import { defaultPorts } from '../../plan/plan.ts';
import type { Service } from './objects.ts';
import { protocolOf } from './ports.ts';

/**
 * Returns the `--connect-to` entries of a mock. For a Service without port 8080 (gRPC: 9090), a target
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

/** Reports whether a host is the DNS name of a Service: its name alone, with its namespace, or in a longer form. */
export function isClusterName(host: string, namespaces: ReadonlySet<string>): boolean {
  const [, namespace, domain] = /^[^.]+(?:\.([^.]+)(\.svc(?:\.cluster\.local)?)?)?$/.exec(host) ?? [undefined, host];
  if (namespace === undefined) return !host.includes('.');
  return domain !== undefined || namespaces.has(namespace);
}
