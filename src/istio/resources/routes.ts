import { defaultPorts } from '../../plan/plan.ts';
import type { Service } from './objects.ts';
import { portProtocolOf } from './ports.ts';

/**
 * Returns the values of `--service-port` of a mock: for a Service without port 8080 (gRPC: 9090, TCP: 9000), a target
 * without a port means the Service's first port of the protocol.
 */
export function servicePortSettings(services: readonly Service[], namespace: string): string[] {
  return services.flatMap((service) => {
    const ports = service.spec.ports ?? [];
    return (['http', 'grpc', 'tcp'] as const).flatMap((protocol) => {
      if (ports.some(({ port }) => port === defaultPorts[protocol])) return [];
      const first = ports.find((port) => portProtocolOf(port) === protocol);
      if (first === undefined) return [];
      return dnsNamesOf(service, namespace).map((name) => `${protocol}:${name}:${first.port}`);
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
