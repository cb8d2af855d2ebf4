import { optional } from '../../error/optional.ts';
import { type DestinationRule, isDestinationRule } from '../resources/destination-rule.ts';
import { externalHostsAnnotation } from '../resources/installation.ts';
import type { KubeObject, Labels, Service, Workload } from '../resources/objects.ts';
import { selects } from '../resources/objects.ts';
import { targetPortOf } from '../resources/ports.ts';
import { type KnownNames, missingServices } from './missing-services.ts';

export interface FillOptions {
  /** True to add a mock for every destination that has no workload. */
  readonly fill: boolean;
  /** Namespaces in which `fill` adds nothing but the hosts of ServiceEntries. */
  readonly unfilled?: readonly string[];
}

/** Applied objects to which `--fill` adds mocks. */
export interface AppliedObjects {
  readonly services: readonly Service[];
  readonly workloads: readonly Workload[];
  /** VirtualServices, DestinationRules, ServiceEntries, routes of the Gateway API, Istio's Gateways, and Ingresses. */
  readonly config: readonly KubeObject[];
  readonly namespaces: KnownNames['namespaces'];
  /** Namespaces in which no Service gets a mock. */
  readonly unfilled?: ReadonlySet<string>;
}

/**
 * Returns the objects that give every destination a mock. A host of a route without a Service gets one. A Service or a
 * subset without a pod gets a Deployment. The hosts of a ServiceEntry get a pod outside the mesh.
 */
export function fillObjects(applied: AppliedObjects): KubeObject[] {
  const { services, workloads, config, namespaces, unfilled = new Set() } = applied;
  const isFilled = ({ metadata }: Service): boolean => !unfilled.has(metadata.namespace ?? 'default');
  const entries = config.filter(({ kind }) => kind === 'ServiceEntry') as ServiceEntry[];
  const external = new Set(entries.flatMap(({ spec }) => spec.hosts));
  const newServices = missingServices(services, config, { external, namespaces }).filter(isFilled);
  const all = [...services.filter(isFilled), ...newServices];
  const newWorkloads: Workload[] = [];
  const add = (service: Service, name: string, labels: Labels): void => {
    const namespace = service.metadata.namespace ?? 'default';
    const hasWorkload = [...workloads, ...newWorkloads].some(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(labels, spec.template.metadata?.labels),
    );
    if (!hasWorkload) newWorkloads.push(deploymentFor(service, name, labels));
  };
  // Subsets come first, because a pod of a subset is also a pod of its Service.
  for (const rule of config.filter(isDestinationRule)) {
    const service = serviceOf(rule, all);
    const { selector } = service?.spec ?? {};
    if (service === undefined || selector === undefined) continue;
    for (const { name, labels } of rule.spec.subsets ?? [])
      add(service, `${service.metadata.name}-${name}`, { ...selector, ...labels });
  }
  for (const service of all)
    if (service.spec.selector !== undefined) add(service, service.metadata.name, service.spec.selector);
  return [...newServices, ...newWorkloads, ...entries.flatMap(externalMock)];
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
  return mock(name, metadata.namespace ?? 'default', { app: metadata.name, ...labels }, ports);
}

/**
 * Returns the mock of a ServiceEntry's hosts, which the mesh's DNS resolves to it. An entry with addresses or endpoints
 * needs no mock.
 */
function externalMock({ metadata, spec }: ServiceEntry): Workload[] {
  if (spec.resolution === 'NONE' || spec.endpoints !== undefined || spec.workloadSelector !== undefined) return [];
  // A proxy that begins TLS calls the same port as a client with TLS of its own.
  const secureFirst = (spec.ports ?? []).toSorted((one, other) => Number(isTls(other)) - Number(isTls(one)));
  const byNumber = Map.groupBy(secureFirst, ({ number, targetPort = number }) => targetPort);
  const ports = [...byNumber].map(([containerPort, [first]]) => ({
    name: `${first?.protocol.toLowerCase()}-${containerPort}`,
    containerPort,
  }));
  const hosts = spec.hosts.filter((host) => !host.includes('*'));
  if (hosts.length === 0) return [];
  const labels = { app: `${metadata.name}-external`, 'sidecar.istio.io/inject': 'false' };
  const annotations = { [externalHostsAnnotation]: hosts.join(',') };
  return [mock(`${metadata.name}-external`, metadata.namespace ?? 'default', labels, ports, annotations)];
}

function isTls({ protocol }: { readonly protocol: string }): boolean {
  return /^(?:https|tls)$/i.test(protocol);
}

function mock(
  name: string,
  namespace: string,
  labels: Labels,
  ports: readonly { readonly name: string; readonly containerPort: number }[],
  annotations?: Labels,
): Workload {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { ...labels } },
      template: {
        metadata: { labels: { ...labels }, ...optional('annotations', annotations) },
        spec: { containers: [{ name: 'mock', image: 'meshmock', ports }] },
      },
    },
  };
}
