import type { KubeObject, Labels, Service, ServicePort, Workload } from './objects.ts';
import { groupOf, namespaceOf, selects } from './objects.ts';

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
 * Returns the Deployments and Services of gateways that Istio's Gateways need and no workload provides, as an
 * installation has them. istiod itself deploys the Gateways of the Gateway API.
 */
export function gatewayObjects(
  gateways: readonly KubeObject[],
  workloads: readonly Workload[],
  services: readonly Service[],
): KubeObject[] {
  return wantedGateways(gateways).flatMap((wanted) => {
    const own = workloads.filter(({ spec }) => selects(wanted.labels, spec.template.metadata?.labels));
    const hasService = ({ namespace, podLabels }: { namespace: string; podLabels: Labels }): boolean =>
      services.some(
        (service) =>
          namespaceOf(service) === namespace &&
          (service.metadata.name === wanted.name || selects(service.spec.selector, podLabels)),
      );
    const places =
      own.length === 0
        ? [{ namespace: wanted.namespace, podLabels: podLabelsOf(wanted) }]
        : own.map((one) => ({ namespace: namespaceOf(one), podLabels: one.spec.template.metadata?.labels ?? {} }));
    const lacking = new Set(places.filter((place) => !hasService(place)).map(({ namespace }) => namespace));
    return [
      ...(own.length === 0 ? deploymentObjects(wanted) : []),
      ...[...lacking].map((namespace) => gatewayService({ ...wanted, namespace })),
    ];
  });
}

interface WantedGateway {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly ports: ReadonlySet<number>;
  readonly serviceAccount: string;
}

function wantedGateways(gateways: readonly KubeObject[]): WantedGateway[] {
  const wanted = new Map<string, WantedGateway>();
  const want = (gateway: Omit<WantedGateway, 'ports'>, ports: readonly number[]): void => {
    const key = `${gateway.namespace}/${gateway.name}`;
    wanted.set(key, { ...gateway, ports: new Set([...(wanted.get(key)?.ports ?? []), ...ports]) });
  };
  for (const gateway of gateways) {
    if (!isIstioGateway(gateway)) continue;
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
      },
      ports,
    );
  }
  return [...wanted.values()];
}

/** Returns the ports of the servers of Istio's Gateways that select pods with these labels. */
export function serverPorts(gateways: readonly KubeObject[], labels: Labels): number[] {
  return gateways
    .filter(isIstioGateway)
    .filter(({ spec }) => selects(selectorOrDefault(spec.selector ?? {}), labels))
    .flatMap(({ spec }) => spec.servers ?? [])
    .map(({ port }) => port.number);
}

/**
 * Returns the ports to add to a Service of a gateway, so that clients reach these ports of servers. A port that another
 * Service leads to is not added: it may be one that must not be reachable from outside, as Knative's local gateway.
 *
 * @param services all Services of the gateway
 */
export function missingPorts(services: readonly Service[], servers: readonly number[]): ServicePort[] {
  const ports = services.flatMap(({ spec }) => spec.ports ?? []);
  // A Gateway may name the pod's own port, as Bookinfo's does. A port of the Service already leads to it.
  const reached = new Set(ports.flatMap(({ port, targetPort }) => [port, targetPort]));
  return [...new Set(servers)]
    .filter((port) => !reached.has(port) && !reached.has(gatewayTargetPort(port)))
    .map((port) => ({ name: `http-${port}`, port, targetPort: gatewayTargetPort(port), protocol: 'TCP' }));
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

function podLabelsOf({ name, labels }: WantedGateway): Labels {
  return { app: name, ...labels };
}

function deploymentObjects(wanted: WantedGateway): KubeObject[] {
  const { name, namespace, labels, serviceAccount } = wanted;
  const podLabels = podLabelsOf(wanted);
  const role = { name: `${name}-sds`, namespace };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } },
    // istiod gives a gateway only the certificates that its account may read.
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: role,
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'watch', 'list'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: role,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role.name },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccount }],
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: {
            labels: { ...podLabels, 'sidecar.istio.io/inject': 'true' },
            annotations: { 'inject.istio.io/templates': 'gateway' },
          },
          spec: { serviceAccountName: serviceAccount, containers: [{ name: 'istio-proxy', image: 'auto' }] },
        },
      },
    },
  ];
}

function gatewayService({ name, namespace, labels, ports }: WantedGateway): KubeObject {
  const used = new Set<number>();
  const servicePorts = [...ports]
    .sort((one, other) => one - other)
    .flatMap((port) => {
      const targetPort = gatewayTargetPort(port);
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
