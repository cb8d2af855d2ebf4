import { type DestinationRule, isDestinationRule } from './destination-rule.ts';
import { missingServices, type Names } from './missing-services.ts';
import type { KubeObject, Labels, Service, Workload } from './objects.ts';
import { selects } from './objects.ts';
import { targetPortOf } from './ports.ts';

/** What `--fill` looks at: all that was applied. */
export interface Applied {
  readonly services: readonly Service[];
  readonly workloads: readonly Workload[];
  /** VirtualServices, DestinationRules, ServiceEntries, routes of Gateway API, and Istio's Gateways. */
  readonly config: readonly KubeObject[];
  readonly namespaces: Names['namespaces'];
}

/** On a pod: the names outside the mesh that it stands for. */
export const externalHostsAnnotation = 'meshmock.dev/external-hosts';

/**
 * The objects that make a mock stand behind every destination: Services for hosts of routes that have none,
 * Deployments for Services and subsets that select no pod, pods outside the mesh for hosts of ServiceEntries.
 */
export function fillObjects({ services, workloads, config, namespaces }: Applied): KubeObject[] {
  const entries = config.filter(({ kind }) => kind === 'ServiceEntry') as ServiceEntry[];
  const external = new Set(entries.flatMap(({ spec }) => spec.hosts));
  const madeServices = missingServices(services, config, { external, namespaces });
  const all = [...services, ...madeServices];
  const made: Workload[] = [];
  const add = (service: Service, name: string, labels: Labels): void => {
    const namespace = service.metadata.namespace ?? 'default';
    const runs = [...workloads, ...made].some(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(labels, spec.template.metadata?.labels),
    );
    if (!runs) made.push(deploymentFor(service, name, labels));
  };
  // Subsets first: a pod of one stands behind its Service as well.
  for (const rule of config.filter(isDestinationRule)) {
    const service = serviceOf(rule, all);
    const { selector } = service?.spec ?? {};
    if (service === undefined || selector === undefined) continue;
    for (const { name, labels } of rule.spec.subsets ?? [])
      add(service, `${service.metadata.name}-${name}`, { ...selector, ...labels });
  }
  for (const service of all)
    if (service.spec.selector !== undefined) add(service, service.metadata.name, service.spec.selector);
  return [...madeServices, ...made, ...entries.flatMap(externalMock)];
}

interface ServiceEntry extends KubeObject {
  spec: {
    hosts: string[];
    resolution?: string;
    endpoints?: unknown[];
    workloadSelector?: unknown;
    ports?: { number: number; name: string; protocol: string; targetPort?: number }[];
  };
}

function serviceOf({ metadata, spec }: DestinationRule, services: readonly Service[]): Service | undefined {
  const [name, namespace = metadata.namespace] = spec.host.split('.');
  return services.find((service) => service.metadata.name === name && service.metadata.namespace === namespace);
}

function deploymentFor({ metadata, spec }: Service, name: string, labels: Labels): Workload {
  const ports = (spec.ports ?? []).map((port) => {
    const { targetPort } = port;
    const number = targetPortOf(port, { containers: [] }) ?? port.port;
    return {
      name: typeof targetPort === 'string' ? targetPort : (port.name ?? `http-${number}`),
      containerPort: number,
    };
  });
  return mock(name, metadata.namespace ?? 'default', { app: metadata.name, ...labels }, {}, ports);
}

/** DNS says where the mock is: an entry with addresses of its own is left as it is. */
function externalMock({ metadata, spec }: ServiceEntry): Workload[] {
  if (spec.resolution === 'NONE' || spec.endpoints !== undefined || spec.workloadSelector !== undefined) return [];
  const ports = (spec.ports ?? []).map(({ number, protocol, targetPort = number }) => ({
    name: `${protocol.toLowerCase()}-${targetPort}`,
    containerPort: targetPort,
  }));
  const hosts = spec.hosts.filter((host) => !host.includes('*'));
  if (hosts.length === 0) return [];
  const labels = { app: `${metadata.name}-external`, 'sidecar.istio.io/inject': 'false' };
  const annotations = { [externalHostsAnnotation]: hosts.join(',') };
  return [mock(`${metadata.name}-external`, metadata.namespace ?? 'default', labels, annotations, ports)];
}

function mock(
  name: string,
  namespace: string,
  labels: Labels,
  annotations: Labels,
  ports: readonly { readonly name: string; readonly containerPort: number }[],
): Workload {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { ...labels } },
      template: {
        metadata: { labels: { ...labels }, annotations: { ...annotations } },
        spec: { containers: [{ name: 'mock', image: 'meshmock', ports }] },
      },
    },
  };
}
