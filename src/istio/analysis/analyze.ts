import { type DestinationRule, isDestinationRule } from '../resources/destination-rule.ts';
import { isIstioGateway } from '../resources/gateways.ts';
import { groupedLines } from '../resources/grouped-lines.ts';
import { isService, type KubeObject, kubectlName, type Labels, namespaceOf, selects } from '../resources/objects.ts';
import { isVirtualService, type VirtualService } from '../resources/virtual-service.ts';
import { analyzeDestinations } from './analyze-destinations.ts';
import { analyzeInjection } from './analyze-injection.ts';
import { analyzeMocks } from './analyze-mocks.ts';
import { unsupportedFeatures } from './analyze-support.ts';
import { type AnalysisContext, type LabelledPod, unknownHosts, unknownHostText } from './known-hosts.ts';

/**
 * Finds mistakes that neither a schema nor istiod reports, as `istioctl analyze` does. These are selectors and subsets
 * without a pod, hosts without a Service, and destinations that no proxy can reach. Such objects have no effect, or
 * make requests fail. It also finds features that the local mesh and its mocks lack.
 *
 * @param context the objects of the whole mesh
 * @returns a line for each mistake, which begins with kubectl's name of the object. Many objects with the same mistake
 *   share a line
 * @example analyze([policy], { services, pods, config: [] }) // ['authorizationpolicy.…/p: the selector …']
 */
export function analyze(objects: readonly KubeObject[], context: AnalysisContext): string[] {
  const messages = objects.flatMap((object) => {
    const namespace = namespaceOf(object);
    return [
      ...messagesOf(object, context),
      ...unsupportedFeatures(object, context),
      ...analyzeMocks(object, namespace, context),
      ...analyzeInjection(object, namespace, context),
    ].map((message) => ({ name: kubectlName(object), message }));
  });
  return groupedLines(messages);
}

function messagesOf(object: KubeObject, context: AnalysisContext): string[] {
  const { pods } = context;
  const namespace = namespaceOf(object);
  const podsOfNamespace = pods.filter((pod) => pod.namespace === namespace);
  if (isService(object)) {
    const { selector = {} } = object.spec;
    return unmatchedSelector(selector, podsOfNamespace, ` in ${namespace}`);
  }
  if (object.apiVersion.startsWith('gateway.networking.k8s.io/'))
    return hostsWithoutService(parentServices(object), namespace, context);
  if (!/^(?:networking|security|telemetry|extensions)\.istio\.io\//.test(object.apiVersion)) return [];
  if (isVirtualService(object))
    return [
      ...hostsWithoutService(meshHosts(object), namespace, context),
      ...analyzeDestinations(object, namespace, context),
      ...missingGateways(object, namespace, context),
    ];
  if (isDestinationRule(object))
    return [
      ...hostsWithoutService([object.spec.host], namespace, context),
      ...subsetsWithoutPod(object, namespace, context),
    ];
  const selector = workloadSelector(object);
  return namespace === context.rootNamespace
    ? unmatchedSelector(selector, pods, '')
    : unmatchedSelector(selector, podsOfNamespace, ` in ${namespace}`);
}

function unmatchedSelector(selector: Labels, pods: readonly LabelledPod[], where: string): string[] {
  return matchesNothing(selector, pods) ? [`the selector ${labelsText(selector)} matches no pod${where}`] : [];
}

/** Reports whether a selector has labels, but matches no pod. */
function matchesNothing(selector: Labels, pods: readonly LabelledPod[]): boolean {
  return Object.keys(selector).length > 0 && !pods.some(({ labels }) => selects(selector, labels));
}

function labelsText(selector: Labels): string {
  return Object.entries(selector)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function hostsWithoutService(hosts: readonly string[], namespace: string, context: AnalysisContext): string[] {
  return unknownHosts(hosts, namespace, context).map(
    (host) => `${unknownHostText(host, namespace)}: the object applies to no call`,
  );
}

/**
 * Returns the hosts that a VirtualService configures in sidecars. The hosts of a gateway are names outside the mesh.
 */
function meshHosts({ spec: { hosts = [], gateways = ['mesh'] } }: VirtualService): readonly string[] {
  return gateways.length === 0 || gateways.includes('mesh') ? hosts : [];
}

/** Finds gateways of a VirtualService that do not exist. A name with a dot may also be an old form of a full name. */
function missingGateways(
  { spec: { gateways = [] } }: VirtualService,
  namespace: string,
  { config }: AnalysisContext,
): string[] {
  const known = new Set(config.filter(isIstioGateway).map((one) => `${namespaceOf(one)}/${one.metadata.name}`));
  return gateways
    .filter((name) => name !== 'mesh' && !name.includes('.'))
    .map((name) => (name.includes('/') ? name : `${namespace}/${name}`))
    .filter((name) => !known.has(name))
    .map((name) => `no Gateway is named ${name}: no request enters through it`);
}

/** Returns the names of the Services to which a route of the Gateway API is attached. */
function parentServices({ spec }: KubeObject): string[] {
  const { parentRefs = [] } = (spec ?? {}) as {
    parentRefs?: { group?: string; kind?: string; name: string; namespace?: string }[];
  };
  return parentRefs
    .filter(({ group, kind }) => group === '' && kind === 'Service')
    .map((parent) => (parent.namespace === undefined ? parent.name : `${parent.name}.${parent.namespace}.svc`));
}

/** Finds subsets of a Service that no pod has. The pods of other hosts are not known. */
function subsetsWithoutPod(
  { spec }: DestinationRule,
  ruleNamespace: string,
  { services, pods }: AnalysisContext,
): string[] {
  const [name, namespace = ruleNamespace] = spec.host.split('.');
  const service = services.find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
  if (service?.spec.selector === undefined) return [];
  const selected = pods.filter((pod) => pod.namespace === namespace && selects(service.spec.selector, pod.labels));
  return (spec.subsets ?? [])
    .filter(({ labels = {} }) => matchesNothing(labels, selected))
    .map((subset) => `subset ${subset.name}: no pod of ${name} has ${labelsText(subset.labels ?? {})}`);
}

/**
 * Returns the selector of a policy, or of an object that configures sidecars. The selector of a Gateway is not checked:
 * its pods often come from other manifests.
 */
function workloadSelector({ kind, spec }: KubeObject): Labels {
  if (kind === 'Gateway') return {};
  const { selector, workloadSelector } = (spec ?? {}) as {
    selector?: { matchLabels?: Labels };
    workloadSelector?: { labels?: Labels };
  };
  return selector?.matchLabels ?? (kind === 'ServiceEntry' ? {} : workloadSelector?.labels) ?? {};
}
