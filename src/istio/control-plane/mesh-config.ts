import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { isMapping, type Mapping, mergeMappings } from './yaml-mapping.ts';

/** Name of the provider of Istio's metrics, which Istio defines itself. */
const metricsProvider = 'prometheus';

export interface LocalMeshConfigOptions {
  /** Providers that each local mesh has. A provider of a user with the same name is replaced. */
  readonly ownProviders: readonly Mapping[];
  /** Fields that no configuration of a user changes. */
  readonly fixed: Mapping;
}

/** Mesh configuration of a local mesh, as the text of a ConfigMap. */
export interface LocalMeshConfig {
  readonly text: string;
  /** Text that occurs in istiod's own mesh configuration when it is in effect. */
  readonly marker: string;
  readonly rootNamespace: string;
}

/**
 * Returns the mesh configuration that istiod gets for a user's one. A configuration of a local mesh results in itself.
 *
 * Istio's own build of Envoy has the filter for the provider `prometheus`; vanilla Envoy would refuse every listener. So
 * all providers of this type become ones without effect on metrics. Their format contains a marker, by which the local
 * mesh knows when istiod uses a configuration.
 */
export function localMeshConfig(user: Mapping, { ownProviders, fixed }: LocalMeshConfigOptions): LocalMeshConfig {
  const given = Array.isArray(user.extensionProviders) ? user.extensionProviders.filter(isMapping) : [];
  const replaced = new Set([...ownProviders.map(({ name }) => name), metricsProvider]);
  const config = mergeMappings(user, fixed);
  const markedWith = (marker: string): Mapping => ({
    ...config,
    extensionProviders: [
      ...given
        .filter(({ name }) => !replaced.has(name))
        .map((provider) => (provider.prometheus === undefined ? provider : withoutEffect(String(provider.name), ''))),
      ...ownProviders,
      withoutEffect(metricsProvider, marker),
    ],
  });
  const hash = createHash('sha256').update(stringify(markedWith(''), { sortMapEntries: true }));
  const marker = `configuration ${hash.digest('hex').slice(0, 16)}`;
  return {
    text: stringify(markedWith(marker), { sortMapEntries: true }),
    marker,
    rootNamespace: typeof config.rootNamespace === 'string' ? config.rootNamespace : 'istio-system',
  };
}

function withoutEffect(name: string, text: string): Mapping {
  return { name, envoyFileAccessLog: { path: '/dev/null', logFormat: { text } } };
}

/**
 * Returns the fields of a user's mesh configuration that istiod does not know: it ignores them without a word.
 *
 * Fields with the default of their type are missing in istiod's configuration, so an absent one is reported only if
 * its value cannot be a default.
 *
 * @param active the configuration as istiod's debugging interface shows it
 */
export function unknownMeshFields(user: Mapping, active: Mapping, path = ''): string[] {
  return Object.entries(user).flatMap(([key, value]) => {
    const name = `${path}${key}`;
    const found = active[camelCase(key)] ?? active[key];
    if (found === undefined) return isPossibleDefault(value) ? [] : [name];
    // Maps with any keys contain them as they are, and lists may be sorted.
    return isMapping(value) && isMapping(found) ? unknownMeshFields(value, found, `${name}.`) : [];
  });
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Reports whether a value can be the default of a field: nothing, zero, or the first name of an enumeration. */
function isPossibleDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  // A message that is set is there even if all its fields have their defaults.
  if (isMapping(value)) return Object.keys(value).length === 0;
  return value === null || value === false || value === 0 || value === '' || /^[A-Z][A-Z0-9_]*$/.test(String(value));
}
