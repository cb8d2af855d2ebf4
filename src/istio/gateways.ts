import type { KubeObject, Labels, Service, Workload } from './objects.ts';
import { groupOf, selects } from './objects.ts';

/** Istio's own Gateway, as much as is looked at. */
export interface Gateway extends KubeObject {
  spec: {
    selector?: Record<string, string>;
    servers?: { port: { number: number; name?: string; protocol?: string }; hosts: string[] }[];
  };
}

export function isIstioGateway(object: KubeObject): object is Gateway {
  return object.kind === 'Gateway' && groupOf(object) === 'networking.istio.io';
}

/** Gateway API's. */
interface ApiGateway extends KubeObject {
  spec: {
    gatewayClassName: string;
    addresses?: unknown[];
    listeners: { port: number; name: string; protocol: string }[];
  };
}

/** Where Istio's installation has its gateways. */
export const gatewayNamespace = 'istio-system';

/** As Istio's installation does: ports of which a process without privileges may not listen. */
const targetPorts: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 };

/** The port of a gateway's pod behind a port of its Service. */
export function gatewayTargetPort(port: number): number {
  return targetPorts[port] ?? port;
}

/**
 * The Deployments and Services of the gateways that resources ask for and no workload stands behind: for each selector
 * of Istio's Gateways what its installation would have brought, for each Gateway API Gateway of class `istio` what
 * istiod would have made.
 */
export function gatewayObjects(
  gateways: readonly KubeObject[],
  workloads: readonly Workload[],
  services: readonly Service[],
): KubeObject[] {
  const made: KubeObject[] = [];
  for (const { name, namespace, labels, ports } of wantedGateways(gateways)) {
    const isThere = workloads.some(({ spec }) => selects(labels, spec.template.metadata?.labels));
    if (!isThere) made.push(...deployment(name, namespace, labels));
    const hasService = services.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
    if (!hasService) made.push(serviceOf(name, namespace, labels, ports));
  }
  return made;
}

interface WantedGateway {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly ports: ReadonlySet<number>;
}

function wantedGateways(gateways: readonly KubeObject[]): WantedGateway[] {
  const wanted = new Map<string, WantedGateway>();
  const want = (name: string, namespace: string, labels: Labels, ports: readonly number[]): void => {
    const key = `${namespace}/${name}`;
    wanted.set(key, { name, namespace, labels, ports: new Set([...(wanted.get(key)?.ports ?? []), ...ports]) });
  };
  for (const gateway of gateways) {
    if (isIstioGateway(gateway)) {
      const { selector: said = {}, servers = [] } = gateway.spec;
      const selector = selectorOrDefault(said);
      // Port 80 is there in any installation, and its pod listens on 8080.
      const ports = [80, ...servers.map(({ port }) => port.number)];
      want(gatewayName(selector), gatewayNamespace, selector, ports);
    } else if (isManaged(gateway as ApiGateway)) {
      const { name, namespace = 'default' } = gateway.metadata;
      const labels = { 'gateway.networking.k8s.io/gateway-name': name };
      const ports = (gateway as ApiGateway).spec.listeners.map(({ port }) => port);
      want(`${name}-istio`, namespace, labels, ports);
    }
  }
  return [...wanted.values()];
}

/** Without a selector every gateway serves it: the one of an installation does. */
export function selectorOrDefault(said: Labels): Labels {
  return Object.keys(said).length === 0 ? { istio: 'ingressgateway' } : said;
}

/** What Istio's installation would call the gateway that a selector means. */
export function gatewayName(selector: Labels): string {
  const { istio, app } = selector;
  return istio === undefined ? (app ?? Object.values(selector).join('-')) : `istio-${istio}`;
}

/** With addresses it is somebody else's deployment (Istio, "Manual Deployment"). */
function isManaged({ spec }: ApiGateway): boolean {
  return spec.gatewayClassName === 'istio' && (spec.addresses ?? []).length === 0;
}

function deployment(name: string, namespace: string, labels: Labels): KubeObject[] {
  const podLabels = { app: name, ...labels };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: podLabels },
          spec: { serviceAccountName: name, containers: [{ name: 'istio-proxy', image: 'auto' }] },
        },
      },
    },
  ];
}

function serviceOf(name: string, namespace: string, labels: Labels, ports: ReadonlySet<number>): KubeObject {
  const used = new Set<number>();
  const servicePorts = [...ports]
    .sort((one, other) => one - other)
    .flatMap((port) => {
      const targetPort = gatewayTargetPort(port);
      // A Gateway may name the pod's own port, as Bookinfo's does: no Service port need stand for it.
      if (used.has(targetPort)) return [];
      used.add(targetPort);
      return [{ name: `${port === 443 ? 'https' : 'http'}-${port}`, port, targetPort }];
    });
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { ...labels } },
    spec: { type: 'LoadBalancer', selector: { ...labels }, ports: servicePorts },
  };
}
