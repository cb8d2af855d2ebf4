import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { closedSchemaOf, type Schema } from '../../src/istio/api/schemas.ts';
import { readCrds } from '../../src/istio/crds.ts';

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Where kubeconform finds a schema in the folder; of Kubernetes's core it says that the group is `v1`. */
export const schemaLocation = '{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json';

/** Without it kubeconform takes them for those of JSON Schema's draft 4. */
const $schema = 'https://json-schema.org/draft/2020-12/schema';

/**
 * Writes the schemas of Kubernetes's own kinds, of Istio's and of Gateway API's as kubeconform reads them; unknown
 * fields are refused.
 *
 * @param tools the folders with CRDs and with Kubernetes's definitions
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
  // References within the file lead to its address on the web.
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
