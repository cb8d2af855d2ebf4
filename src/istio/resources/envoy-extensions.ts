import { groupOf, type KubeObject } from './objects.ts';

/** Names of extensions that Istio's build of Envoy has and the public build does not have. */
const istioNames =
  /^(?:istio\.(?:stats|alpn|metadata_exchange)|istio_authn|envoy\.filters\.(?:http|network)\.(?:peer_metadata|metadata_exchange|upstream_peer_metadata|mysql_proxy)|envoy\.wasm\.(?:stats|metadata_exchange|attributegen|access_log_policy|stackdriver))$/;

/** Types of their configuration. */
const istioTypes =
  /^type\.googleapis\.com\/(?:stats\.PluginConfig|io\.istio\.|istio\.|envoy\.tcp\.metadataexchange\.|envoy\.extensions\.filters\.network\.mysql_proxy\.)/;

interface ConfigPatch {
  readonly match?: unknown;
  readonly patch?: { readonly operation?: string; readonly value?: unknown };
}

/** Extensions of Envoy in an EnvoyFilter that only Istio's build has. */
export interface IstioExtensions {
  /** Extensions that a patch adds. The public build refuses them, with everything around them. */
  readonly added: readonly string[];
  /** Extensions that a patch looks for. The public build has none of them, so the patch has no effect. */
  readonly matched: readonly string[];
}

/**
 * Finds the extensions of Envoy in an EnvoyFilter that only Istio's build has.
 *
 * @returns no extensions for an object of another kind
 */
export function istioExtensions(object: KubeObject): IstioExtensions {
  if (object.kind !== 'EnvoyFilter' || groupOf(object) !== 'networking.istio.io') return { added: [], matched: [] };
  const { configPatches } = (object.spec ?? {}) as { configPatches?: unknown };
  const patches = Array.isArray(configPatches) ? (configPatches as readonly ConfigPatch[]) : [];
  const added = patches.filter(({ patch }) => patch?.operation !== 'REMOVE').map(({ patch }) => patch?.value);
  const matched = patches.map(({ match }) => match);
  return { added: extensionsOf(added), matched: extensionsOf(matched) };
}

/** Returns the names of Istio's extensions in any value; without any name, their types. */
function extensionsOf(value: unknown): readonly string[] {
  const all = [...new Set(extensionsIn(value))];
  const names = all.filter((one) => istioNames.test(one));
  return names.length === 0 ? all : names;
}

function extensionsIn(value: unknown): string[] {
  if (typeof value === 'string') return istioNames.test(value) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  const names = Object.entries(value).flatMap(([key, inner]) => (key === '@type' ? [] : extensionsIn(inner)));
  const { '@type': type, type_url: url = type } = value as { '@type'?: unknown; type_url?: unknown };
  return names.length === 0 && typeof url === 'string' && istioTypes.test(url) ? [url] : names;
}
