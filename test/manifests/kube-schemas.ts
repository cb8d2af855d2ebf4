import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { closedSchemaOf, readCrds, type Schema } from './crd-schemas.ts';

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Path of a schema as a template of kubeconform, which uses `v1` as the group of Kubernetes' core kinds. */
export const schemaLocation = '{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json';

/** Version of the schemas. Without it, kubeconform assumes draft 4 of JSON Schema. */
const $schema = 'https://json-schema.org/draft/2020-12/schema';

/**
 * Writes the schemas of the kinds of Kubernetes, Istio and the Gateway API for kubeconform. They refuse unknown fields.
 *
 * @param tools folders with the CRDs and with Kubernetes' definitions
 */
export async function writeKubeSchemas(
  folder: string,
  tools: { readonly istio: string; readonly kubernetes: string },
): Promise<void> {
  const write = ({ group, version, kind }: GroupVersionKind, schema: Schema): void => {
    const file = path.join(folder, group || version, `${kind.toLowerCase()}_${version}.json`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(schema));
  };
  // References within the file contain its address on the web.
  const text = readFileSync(path.join(tools.kubernetes, '_definitions.json'), 'utf8');
  const all = JSON.parse(text.replaceAll('/api/_definitions.json#', '#')) as { $id?: string; $defs: object };
  delete all.$id;
  mkdirSync(folder, { recursive: true });
  const definitions = path.join(folder, '_definitions.json');
  writeFileSync(definitions, JSON.stringify(all));
  for (const [name, definition] of Object.entries(all.$defs) as [string, Schema][]) {
    const kinds = (definition['x-kubernetes-group-version-kind'] ?? []) as GroupVersionKind[];
    for (const kind of kinds) write(kind, { $ref: `${pathToFileURL(definitions)}#/$defs/${name}` });
  }
  for (const { spec } of await readCrds(tools.istio))
    for (const { name: version, schema } of spec.versions)
      write(
        { group: spec.group, version, kind: spec.names.kind },
        { $schema, ...closedSchemaOf(schema?.openAPIV3Schema ?? {}) },
      );
}
