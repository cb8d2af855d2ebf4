import { istioExtensions } from '../resources/envoy-extensions.ts';
import { groupOf, type KubeObject, type Labels, namespaceOf } from '../resources/objects.ts';
import type { AnalysisContext } from './known-hosts.ts';
import { unknownHosts } from './known-hosts.ts';

/** Revision of the injector and of istiod in a local mesh. */
const revision = 'default';

/**
 * Finds features that act in a cluster but not in the local mesh, so that its verdicts may differ.
 *
 * @returns messages without the name of the object
 */
export function unsupportedFeatures(object: KubeObject, context: AnalysisContext): string[] {
  return [...labelFeatures(object), ...kindFeatures(object, context)];
}

function kindFeatures(object: KubeObject, context: AnalysisContext): string[] {
  switch (`${object.kind} ${groupOf(object)}`) {
    case 'AuthorizationPolicy security.istio.io':
      return externalAuthorizer(object, context);
    case 'Telemetry telemetry.istio.io':
      return [...unknownProviders(object, context), ...metricsOverrides(object), ...peerAttributes(object)];
    case 'EnvoyFilter networking.istio.io':
      return istioExtensions(object).matched.map(
        (name) => `only Istio's build of Envoy has ${name}, so a patch that looks for it has no effect`,
      );
    case 'WorkloadGroup networking.istio.io':
      return ['no virtual machine joins the local mesh: add a WorkloadEntry for each of them'];
    case 'Ingress networking.k8s.io':
      return ingressClass(object);
    case 'Gateway gateway.networking.k8s.io':
      return waypoint(object);
    default:
      return [];
  }
}

function externalAuthorizer({ spec, metadata }: KubeObject, context: AnalysisContext): string[] {
  const { action, provider } = (spec ?? {}) as { action?: string; provider?: { name?: string } };
  const { providers } = context;
  if (action !== 'CUSTOM' || providers === undefined) return [];
  const found = providers.find(({ name }) => name === provider?.name);
  if (found === undefined)
    return [`the mesh configuration has no provider ${provider?.name ?? ''}, so Istio refuses the requests`];
  const missing = found.service === undefined ? [] : unknownHosts([found.service], namespaceOf({ metadata }), context);
  return missing.map((host) => `its provider is ${host}, and no Service has this name: Istio refuses the requests`);
}

interface TelemetrySpec {
  readonly metrics?: readonly TelemetryRule[];
  readonly tracing?: readonly TelemetryRule[];
  readonly accessLogging?: readonly TelemetryRule[];
}

interface TelemetryRule {
  readonly providers?: readonly { readonly name?: string }[];
  readonly overrides?: readonly unknown[];
}

function unknownProviders({ spec }: KubeObject, { providers }: AnalysisContext): string[] {
  if (providers === undefined) return [];
  const { metrics = [], tracing = [], accessLogging = [] } = (spec ?? {}) as TelemetrySpec;
  const names = [...metrics, ...tracing, ...accessLogging]
    .flatMap((rule) => rule.providers ?? [])
    .map(({ name }) => name);
  const unknown = [...new Set(names)].filter((name) => !providers.some((one) => one.name === name));
  return unknown.map((name) => `the mesh configuration has no provider ${name ?? ''}`);
}

function metricsOverrides({ spec }: KubeObject): string[] {
  const { metrics = [] } = (spec ?? {}) as TelemetrySpec;
  return metrics.some(({ overrides = [] }) => overrides.length > 0)
    ? ["the overrides of its metrics have no effect, because only Istio's build of Envoy has istio.stats"]
    : [];
}

function peerAttributes({ spec }: KubeObject): string[] {
  const { accessLogging = [], tracing = [] } = (spec ?? {}) as TelemetrySpec;
  return /(?:up|down)stream_peer/.test(JSON.stringify([accessLogging, tracing]))
    ? ["its upstream_peer and downstream_peer are empty, because only Istio's build of Envoy exchanges them"]
    : [];
}

function ingressClass({ spec, metadata }: KubeObject): string[] {
  const annotation = metadata.annotations?.['kubernetes.io/ingress.class'];
  const { ingressClassName = annotation } = (spec ?? {}) as { ingressClassName?: string };
  return ingressClassName === 'istio'
    ? ['the local mesh starts its gateway only for a Gateway that selects istio: ingressgateway']
    : [
        `the local mesh has no controller for the class ${ingressClassName ?? 'of the cluster'}: no request enters here`,
      ];
}

const noAmbient = 'the local mesh has no ambient mode';

function waypoint({ spec }: KubeObject): string[] {
  const { gatewayClassName } = (spec ?? {}) as { gatewayClassName?: string };
  return gatewayClassName === 'istio-waypoint' ? [`${noAmbient}: no request passes this waypoint`] : [];
}

/** Finds labels of an object, or of the pods that are made from it. */
function labelFeatures({ kind, metadata, spec }: KubeObject): string[] {
  const { template } = (spec ?? {}) as { template?: { metadata?: { labels?: Labels } } };
  const all = [metadata.labels, template?.metadata?.labels];
  const isAmbient = all.some((labels) => labels?.['istio.io/dataplane-mode'] === 'ambient');
  const label = metadata.labels?.['istio.io/rev'] ?? revision;
  // `analyzeInjection` reports the revision of pods.
  const isOfPods = kind === 'Namespace' || kind === 'Pod' || template !== undefined;
  return [
    ...(isAmbient ? [`${noAmbient}: the pods have sidecars`] : []),
    ...(isOfPods || label === revision
      ? []
      : [`the local mesh has no istiod of the revision ${label}, so the object has no effect`]),
  ];
}
