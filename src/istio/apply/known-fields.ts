import { nearestOrAll } from '../../error/suggestion.ts';
import type { FieldSchema, FieldSchemas } from '../kube-api/field-schema.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { groupOf, type KubeObject } from '../resources/objects.ts';

/**
 * Returns the end of an error about an unknown field: the nearest field that the object may have in its place, or all.
 *
 * @param path path of the unknown field
 * @returns an empty text if the fields are not known
 */
export async function fieldAdvice(
  client: KubeClient,
  object: KubeObject,
  path: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const schemas = await client.schemas(object.apiVersion, signal).catch(() => undefined);
  const fields = schemas === undefined ? [] : knownFields(schemas, object, path.slice(0, -1));
  return fields.length === 0 ? '' : nearestOrAll(path.at(-1) ?? '', 'fields', fields);
}

/** Returns the names of the fields that an object may have at a path. */
export function knownFields(schemas: FieldSchemas, object: KubeObject, path: readonly string[]): string[] {
  const root = Object.values(schemas).find((schema) =>
    schema['x-kubernetes-group-version-kind']?.some(
      ({ group, kind }) => group === groupOf(object) && kind === object.kind,
    ),
  );
  let current = resolved(root, schemas);
  for (const name of path) {
    const { properties, items, additionalProperties } = current ?? {};
    const values = typeof additionalProperties === 'object' ? additionalProperties : undefined;
    current = resolved(properties?.[name] ?? items ?? values, schemas);
  }
  return Object.keys(current?.properties ?? {});
}

/** Follows references. The API server writes those with a default as the only part of `allOf`. */
function resolved(schema: FieldSchema | undefined, schemas: FieldSchemas): FieldSchema | undefined {
  const [only] = schema?.allOf ?? [];
  if (only !== undefined && schema?.properties === undefined) return resolved(only, schemas);
  if (schema?.$ref === undefined) return schema;
  return resolved(schemas[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)], schemas);
}
