import type { KubeObject, Labels, Service, Workload } from './objects.ts';
import { groupOf, selects } from './objects.ts';

/** Istio's own Gateway, with the fields that are read here. */
export interface Gateway extends KubeObject {
  spec: {
    selector?: Record<string, string>;
    servers?: { port: { number: number; name?: string; protocol?: string }; hosts: string[] }[];
  };
}

export function isIstioGateway(object: KubeObject): object is Gateway {
  return object.kind === 'Gateway' && groupOf(object) === 'networking.istio.io';
}

/** Gateway of the Gateway API. */
interface ApiGateway extends KubeObject {
  spec: {
    gatewayClassName: string;
    addresses?: unknown[];
    listeners: { port: number; name: string; protocol: string }[];
  };
}

/** Namespace of the gateways in Istio's installation. */
export const gatewayNamespace = 'istio-system';

/**
 * Target ports of privileged ports, as in Istio's installation: a process without privileges cannot listen on these.
 */
const targetPorts: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 };

/** Returns the port of a gateway's pod for a port of its Service. */
export function gatewayTargetPort(port: number): number {
  return targetPorts[port] ?? port;
}

/**
 * Returns the Deployments and Services of gateways that the given resources need and no workload provides. For each
 * selector of Istio's Gateways, these are the objects of Istio's installation. For each Gateway of the Gateway API with
 * the class `istio`, these are the objects that istiod would create.
 */
export function gatewayObjects(
  gateways: readonly KubeObject[],
  workloads: readonly Workload[],
  services: readonly Service[],
): KubeObject[] {
  const objects: KubeObject[] = [];
  for (const wanted of wantedGateways(gateways)) {
    const { name, namespace, labels } = wanted;
    const hasWorkload = workloads.some(({ spec }) => selects(labels, spec.template.metadata?.labels));
    if (!hasWorkload) objects.push(...deploymentObjects(wanted));
    const hasService = services.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
    if (!hasService) objects.push(gatewayService(wanted));
  }
  return objects;
}

interface WantedGateway {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly ports: ReadonlySet<number>;
  readonly serviceAccount: string;
  /** Returns the port of the pod for a port of the Service. */
  readonly targetPort: (port: number) => number;
}

function wantedGateways(gateways: readonly KubeObject[]): WantedGateway[] {
  const wanted = new Map<string, WantedGateway>();
  const want = (gateway: Omit<WantedGateway, 'ports'>, ports: readonly number[]): void => {
    const key = `${gateway.namespace}/${gateway.name}`;
    wanted.set(key, { ...gateway, ports: new Set([...(wanted.get(key)?.ports ?? []), ...ports]) });
  };
  for (const gateway of gateways) {
    if (isIstioGateway(gateway)) {
      const { selector: ownSelector = {}, servers = [] } = gateway.spec;
      const selector = selectorOrDefault(ownSelector);
      // Every installation has port 80, and its pod listens on 8080.
      const ports = [80, ...servers.map(({ port }) => port.number)];
      const name = gatewayName(selector);
      want(
        {
          name,
          namespace: gatewayNamespace,
          labels: selector,
          // istioctl names the accounts of its gateways so; Helm's gateways have the account of their own name.
          serviceAccount: name.startsWith('istio-') ? `${name}-service-account` : name,
          targetPort: gatewayTargetPort,
        },
        ports,
      );
    } else if (isManaged(gateway as ApiGateway)) {
      const { name, namespace = 'default' } = gateway.metadata;
      const labels = { 'gateway.networking.k8s.io/gateway-name': name };
      const ports = (gateway as ApiGateway).spec.listeners.map(({ port }) => port);
      // istiod lets the pod listen on the ports of the listeners themselves.
      const own = `${name}-istio`;
      want({ name: own, namespace, labels, serviceAccount: own, targetPort: (port) => port }, ports);
    }
  }
  return [...wanted.values()];
}

/**
 * Returns the selector of a Gateway, or the labels of the installation's gateway if the selector is empty. Every
 * gateway serves a Gateway without a selector, so that one does.
 */
export function selectorOrDefault(selector: Labels): Labels {
  return Object.keys(selector).length === 0 ? { istio: 'ingressgateway' } : selector;
}

/** Returns the name that Istio's installation gives the gateway with these labels. */
export function gatewayName(selector: Labels): string {
  const { istio, app } = selector;
  return istio === undefined ? (app ?? Object.values(selector).join('-')) : `istio-${istio}`;
}

/**
 * Reports whether istiod deploys a Gateway. A Gateway with addresses is deployed manually (Istio, "Manual Deployment").
 */
function isManaged({ spec }: ApiGateway): boolean {
  return spec.gatewayClassName === 'istio' && (spec.addresses ?? []).length === 0;
}

function deploymentObjects({ name, namespace, labels, serviceAccount }: WantedGateway): KubeObject[] {
  const podLabels = { app: name, ...labels };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: podLabels },
          spec: { serviceAccountName: serviceAccount, containers: [{ name: 'istio-proxy', image: 'auto' }] },
        },
      },
    },
  ];
}

function gatewayService({ name, namespace, labels, ports, targetPort: targetPortOf }: WantedGateway): KubeObject {
  const used = new Set<number>();
  const servicePorts = [...ports]
    .sort((one, other) => one - other)
    .flatMap((port) => {
      const targetPort = targetPortOf(port);
      // A Gateway may name the pod's own port, as Bookinfo's does. Another port of the Service already leads to it.
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
