import { analyzeDestinations } from './analyze-destinations.ts';
import { type DestinationRule, isDestinationRule } from './destination-rule.ts';
import { type LabelledPod, noSuchHost, type Selectable, unknownHosts } from './known-hosts.ts';
import { isService, type KubeObject, kubectlName, type Labels, selects } from './objects.ts';
import { isVirtualService, type VirtualService } from './virtual-service.ts';

const defaultNamespace = 'default';
/** Policies there hold for the pods of every namespace. */
const rootNamespace = 'istio-system';

/**
 * Selectors that select no pod, subsets without one, hosts that nothing is called, destinations without a way to them:
 * nothing refuses them, not even istiod, and they do nothing or refuse requests.
 *
 * @returns a line for each, with the title of its object
 */
export function analyze(objects: readonly KubeObject[], there: Selectable): string[] {
  return objects.flatMap((object) => messagesOf(object, there).map((message) => `${kubectlName(object)}: ${message}`));
}

function messagesOf(object: KubeObject, there: Selectable): string[] {
  const { pods } = there;
  const namespace = object.metadata.namespace ?? defaultNamespace;
  const own = pods.filter((pod) => pod.namespace === namespace);
  if (isService(object)) {
    const { selector = {} } = object.spec;
    return unselected(selector, own, ` in ${namespace}`);
  }
  if (object.apiVersion.startsWith('gateway.networking.k8s.io/'))
    return unmet(parentServices(object), namespace, there);
  if (!/^(?:networking|security|telemetry|extensions)\.istio\.io\//.test(object.apiVersion)) return [];
  if (isVirtualService(object))
    return [...unmet(meshHosts(object), namespace, there), ...analyzeDestinations(object, namespace, there)];
  if (isDestinationRule(object))
    return [...unmet([object.spec.host], namespace, there), ...idleSubsets(object, namespace, there)];
  const selector = workloadSelector(object);
  return namespace === rootNamespace ? unselected(selector, pods, '') : unselected(selector, own, ` in ${namespace}`);
}

function unselected(selector: Labels, pods: readonly LabelledPod[], where: string): string[] {
  return isIdle(selector, pods) ? [`no pod${where} has ${inWords(selector)}, which it selects`] : [];
}

/** Whether it selects, and nothing is selected. */
function isIdle(selector: Labels, pods: readonly LabelledPod[]): boolean {
  return Object.keys(selector).length > 0 && !pods.some(({ labels }) => selects(selector, labels));
}

function inWords(selector: Labels): string {
  return Object.entries(selector)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function unmet(hosts: readonly string[], namespace: string, there: Selectable): string[] {
  return unknownHosts(hosts, namespace, there).map((host) => `${noSuchHost(host, namespace)}: no call meets it`);
}

/** Those that sidecars know; a gateway's are names outside the mesh. */
function meshHosts({ spec: { hosts = [], gateways = ['mesh'] } }: VirtualService): readonly string[] {
  return gateways.length === 0 || gateways.includes('mesh') ? hosts : [];
}

/** The names of the Services that a route of Gateway API is about. */
function parentServices({ spec }: KubeObject): string[] {
  const { parentRefs = [] } = (spec ?? {}) as {
    parentRefs?: { group?: string; kind?: string; name: string; namespace?: string }[];
  };
  return parentRefs
    .filter(({ group, kind }) => group === '' && kind === 'Service')
    .map((parent) => (parent.namespace === undefined ? parent.name : `${parent.name}.${parent.namespace}.svc`));
}

/** Those of a Service; who stands behind other hosts, no selector says. */
function idleSubsets({ spec }: DestinationRule, ruleNamespace: string, { services, pods }: Selectable): string[] {
  const [name, namespace = ruleNamespace] = spec.host.split('.');
  const service = services.find(
    ({ metadata }) => metadata.name === name && (metadata.namespace ?? defaultNamespace) === namespace,
  );
  if (service?.spec.selector === undefined) return [];
  const behind = pods.filter((pod) => pod.namespace === namespace && selects(service.spec.selector, pod.labels));
  return (spec.subsets ?? [])
    .filter(({ labels = {} }) => isIdle(labels, behind))
    .map((subset) => `subset ${subset.name}: no pod of ${name} has ${inWords(subset.labels ?? {})}`);
}

/** Of policies and of what configures sidecars. A Gateway's is not among them: its pods are often not its author's. */
function workloadSelector({ kind, spec }: KubeObject): Labels {
  if (kind === 'Gateway') return {};
  const { selector, workloadSelector } = (spec ?? {}) as {
    selector?: { matchLabels?: Labels };
    workloadSelector?: { labels?: Labels };
  };
  return selector?.matchLabels ?? (kind === 'ServiceEntry' ? {} : workloadSelector?.labels) ?? {};
}
