import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

export type Schema = Record<string, unknown>;

/** CustomResourceDefinition, with the fields that are read here. */
interface Crd {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema?: { readonly openAPIV3Schema?: Schema } }[];
  };
}

/** Reads the CustomResourceDefinitions of Istio and of the Gateway API from the files of Istio's sources. */
export async function readCrds(folder: string): Promise<Crd[]> {
  const files = ['istio-crds.yaml', 'gateway-api-crds.yaml'].map((name) => readFile(path.join(folder, name), 'utf8'));
  const documents = (await Promise.all(files)).flatMap((text) => parseAllDocuments(text));
  const objects = documents.map((document) => document.toJS() as Crd | null);
  return objects.filter((object) => object !== null).filter(({ kind }) => kind === 'CustomResourceDefinition');
}

/** Returns the schema of a CRD's objects, changed to reject unknown fields at any depth. */
export function closedSchemaOf(schema: Schema): Schema {
  const closed = closedSchema(schema);
  const properties = { ...(closed.properties as Schema), apiVersion: true, kind: true, metadata: { type: 'object' } };
  return { ...closed, properties };
}

/** Keywords whose schemas only restrict another schema. Closing these would reject valid objects. */
const narrowing = new Set(['oneOf', 'anyOf', 'allOf', 'not']);

/**
 * Closes a structural schema (Kubernetes, "Specifying a structural schema"): only the fields that it names may occur.
 */
function closedSchema(schema: Schema): Schema {
  const entries = Object.entries(schema).map(([name, value]): [string, unknown] => {
    if (narrowing.has(name)) return [name, value];
    if (name === 'properties') return [name, mapValues(value as Record<string, Schema>, closedSchema)];
    if ((name === 'items' || name === 'additionalProperties') && typeof value === 'object' && value !== null)
      return [name, closedSchema(value as Schema)];
    return [name, value];
  });
  const closed: Schema = Object.fromEntries(entries);
  if (closed['x-kubernetes-int-or-string'] === true) delete closed.type;
  const isOpen = closed['x-kubernetes-preserve-unknown-fields'] === true || closed.additionalProperties !== undefined;
  if (closed.properties !== undefined && !isOpen) closed.additionalProperties = false;
  if (closed.nullable === true && typeof closed.type === 'string') closed.type = [closed.type, 'null'];
  return closed;
}

function mapValues(values: Record<string, Schema>, map: (value: Schema) => Schema): Record<string, Schema> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
