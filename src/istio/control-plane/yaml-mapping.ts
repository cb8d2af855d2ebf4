import { parse, YAMLParseError } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ManifestSource } from '../resources/manifest.ts';

export type Mapping = Readonly<Record<string, unknown>>;

/**
 * Parses a text that contains a mapping of YAML. An empty text is an empty mapping.
 *
 * @throws MeshmockError `usage` with the name of the text
 */
export function parseMapping({ name, text }: ManifestSource): Mapping {
  try {
    return mappingIn(parse(text), name);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new MeshmockError('usage', `${name}: invalid YAML: ${error.message}`);
    throw error;
  }
}

/** @throws MeshmockError `usage` if a value is neither empty nor a mapping */
export function mappingIn(value: unknown, name: string): Mapping {
  if (value === undefined || value === null) return {};
  if (!isMapping(value)) throw new MeshmockError('usage', `${name}: expected a mapping of YAML`);
  return value;
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Merges mappings as Helm does: later values override earlier ones, and lists are replaced as a whole. */
export function mergeMappings(one: Mapping, other: Mapping): Mapping {
  const merged = Object.entries(other).map(([name, value]): [string, unknown] => {
    const earlier = one[name];
    return [name, isMapping(value) && isMapping(earlier) ? mergeMappings(earlier, value) : value];
  });
  return { ...one, ...Object.fromEntries(merged) };
}
