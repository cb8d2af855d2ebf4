import { isWorkload, type KubeObject, type Labels, type PodSpec, selects } from '../resources/objects.ts';
import type { AnalysisContext } from './known-hosts.ts';

const revisionLabel = 'istio.io/rev';
/** Only revision of Istio in a local mesh. */
const ownRevision = 'default';

/**
 * Finds pods that may lack what their authors expect: a sidecar of another revision of Istio, gRPC that needs no proxy,
 * or the names of Services.
 *
 * @returns a message for each
 */
export function analyzeInjection(object: KubeObject, namespace: string, { pods }: AnalysisContext): string[] {
  if (object.apiVersion === 'v1' && object.kind === 'Namespace') {
    const { labels = {} } = object.metadata;
    return labels['istio-injection'] === undefined ? revisionText(labels) : [];
  }
  const template = podTemplate(object);
  if (template === undefined) return [];
  const { labels, spec } = template;
  const hasSidecar = pods.some(
    (pod) => pod.hasSidecar === true && pod.namespace === namespace && selects(labels, pod.labels),
  );
  const isProxyless = pods.some(
    (pod) => pod.isProxyless === true && pod.namespace === namespace && pod.workload === object.metadata.name,
  );
  return [
    ...(hasSidecar ? [] : revisionText(labels)),
    ...(isProxyless ? [proxylessText] : []),
    ...hostNetworkText(spec),
  ];
}

/** Returns labels and spec of the pods of an object. */
function podTemplate(object: KubeObject): { readonly labels: Labels; readonly spec: PodSpec } | undefined {
  if (isWorkload(object)) {
    const { metadata, spec = { containers: [] } } = object.spec.template;
    return { labels: metadata?.labels ?? {}, spec };
  }
  if (object.apiVersion !== 'v1' || object.kind !== 'Pod') return undefined;
  return { labels: object.metadata.labels ?? {}, spec: object.spec as PodSpec };
}

function revisionText(labels: Labels): string[] {
  const revision = labels[revisionLabel] ?? ownRevision;
  if (revision === ownRevision) return [];
  return [`the local mesh has no istiod of the revision ${revision}, so pods with ${revisionLabel} get no sidecar`];
}

const proxylessText =
  "in a cluster, gRPC in its pods applies Istio's routes, policies and mTLS without a proxy; mocks cannot, so its pods apply none of these here";

function hostNetworkText({ hostNetwork = false, dnsPolicy = 'ClusterFirst' }: PodSpec): string[] {
  if (!hostNetwork || dnsPolicy !== 'ClusterFirst') return [];
  return [
    'pods with hostNetwork use the name server of their node, so they do not find Services: set dnsPolicy: ClusterFirstWithHostNet',
  ];
}
