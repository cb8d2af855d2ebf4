import { istioExtensions } from '../resources/envoy-extensions.ts';
import { ingressService, isIngress } from '../resources/ingresses.ts';
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
      return unservedIngress(object, context);
    case 'NetworkPolicy networking.k8s.io':
      return ['the local mesh does not enforce it, so connections that it forbids work here'];
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
  const { service, type } = found;
  if (service === undefined) return [];
  if (unknownHosts([service], namespaceOf({ metadata }), context).length > 0)
    return [`its provider is ${service}, and no Service has this name: Istio refuses the requests`];
  // Over gRPC, the empty message of a mock allows the request.
  const directive = type === 'envoyExtAuthzGrpc' ? '~grpc-status=UNAVAILABLE' : '~status=403';
  return [
    `its provider ${service} is a mock, which allows all requests unless it has a directive such as ${directive}`,
  ];
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

function unservedIngress(object: KubeObject, { ingress: context }: AnalysisContext): string[] {
  if (context === undefined || !isIngress(object)) return [];
  const service = ingressService(object, context);
  switch (service.kind) {
    case 'served':
      return [];
    case 'off':
      return ['the mesh configuration has ingressControllerMode OFF, so Istio serves no Ingress'];
    case 'no-class':
      return ['it names no class and there is no default one, so Istio does not serve it: set ingressClassName'];
    case 'unknown-class':
      return [
        `no IngressClass is named ${service.name}, so Istio does not serve it: apply one with the controller istio.io/ingress-controller`,
      ];
    case 'other-class':
      return [`the local mesh has no controller for the class ${service.name}: no request enters here`];
  }
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
