import { isService, type KubeObject, type Labels, type Service, selects, titleOf, type Workload } from './objects.ts';

/** A pod, as much as selectors see of it. */
export interface LabelledPod {
  readonly namespace: string;
  readonly labels: Labels;
}

/** What selectors are held against. */
export interface Selectable {
  readonly services: readonly Service[];
  readonly pods: readonly LabelledPod[];
}

const defaultNamespace = 'default';
/** Policies there hold for the pods of every namespace. */
const rootNamespace = 'istio-system';

/** The pods that a workload asks for; all of them are alike. */
export function labelledPod({ metadata, spec }: Workload): LabelledPod {
  return { namespace: metadata.namespace ?? defaultNamespace, labels: spec.template.metadata?.labels ?? {} };
}

/**
 * Selectors that select no pod, and subsets without one: nothing refuses them, not even istiod or `istioctl analyze`,
 * and they do nothing.
 *
 * @returns a line for each, with the title of its object
 */
export function looseEnds(objects: readonly KubeObject[], there: Selectable): string[] {
  return objects.flatMap((object) => messagesOf(object, there).map((message) => `${titleOf(object)}: ${message}`));
}

function messagesOf(object: KubeObject, { services, pods }: Selectable): string[] {
  const namespace = object.metadata.namespace ?? defaultNamespace;
  const own = pods.filter((pod) => pod.namespace === namespace);
  if (isService(object)) {
    const { selector = {} } = object.spec;
    return unselected(selector, own, ` in ${namespace}`);
  }
  if (!/^(?:networking|security|telemetry|extensions)\.istio\.io\//.test(object.apiVersion)) return [];
  if (object.kind === 'DestinationRule') return idleSubsets(object as DestinationRule, namespace, { services, pods });
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

interface DestinationRule extends KubeObject {
  spec: { host: string; subsets?: { name: string; labels?: Record<string, string> }[] };
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
