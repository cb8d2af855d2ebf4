import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { groupOf, type KubeObject } from '../objects.ts';
import type { Crd } from './kinds.ts';

export type Schema = Record<string, unknown>;

/** Field of an object that its schema does not accept. */
export interface SchemaProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Group names in the definitions of Kubernetes, for groups that have another name there. */
const definitionGroups: Readonly<Record<string, string>> = { '': 'core' };

const ajvOptions = { allErrors: true, strict: false, validateFormats: false, verbose: true, logger: false } as const;

/**
 * Schemas of all kinds: Kubernetes' own as kubectl uses them, and those of CRDs, closed. A closed schema rejects
 * unknown fields, as a cluster does (Kubernetes, "Server Side Field Validation").
 */
export class Schemas {
  private readonly ajv = new Ajv2020(ajvOptions);
  /** Validator that sets the defaults of CRDs: istiod exits if they are absent. It needs no defaults of other kinds. */
  private readonly crdAjv = new Ajv2020({ ...ajvOptions, useDefaults: true });
  private readonly crds: ReadonlyMap<string, Crd>;
  private readonly definitions: Readonly<Record<string, Schema>>;
  private readonly compiled = new Map<string, ValidateFunction | undefined>();

  /** @param kubernetes definitions of Kubernetes' own kinds, with their `$id` */
  constructor(crds: readonly Crd[], kubernetes: Schema) {
    this.crds = new Map(crds.map((crd) => [`${crd.spec.group}/${crd.spec.names.kind}`, crd]));
    this.definitions = kubernetes.$defs as Record<string, Schema>;
    this.ajv.addSchema(kubernetes, kubernetesId);
  }

  /**
   * Validates an object with the schema of its kind and version, and sets the defaults of a CRD in it, as a cluster
   * does.
   *
   * @returns the problems; an empty list for a valid object and for a kind without a schema
   */
  problemsOf(object: KubeObject): SchemaProblem[] {
    const key = `${object.apiVersion}/${object.kind}`;
    if (!this.compiled.has(key)) this.compiled.set(key, this.compile(object));
    const validate = this.compiled.get(key);
    // The first run may set defaults only after it has checked a rule that needs them, such as `oneOf`.
    if (validate === undefined || validate(object) || validate(object)) return [];
    return mostSpecific((validate.errors ?? []).filter((error) => !isUnset(error))).map(problemOf);
  }

  /** Reports whether the object is of one of Kubernetes' own kinds. */
  isKubernetesKind(object: KubeObject): boolean {
    return this.definitionOf(object) !== undefined;
  }

  private definitionOf(object: KubeObject): string | undefined {
    const group = groupOf(object);
    const version = object.apiVersion.split('/').at(-1) ?? '';
    const short = definitionGroups[group] ?? group.replace(/\.k8s\.io$/, '').split('.')[0];
    return Object.keys(this.definitions).find((id) => id.endsWith(`.api.${short}.${version}.${object.kind}`));
  }

  private compile(object: KubeObject): ValidateFunction | undefined {
    const group = groupOf(object);
    const version = object.apiVersion.split('/').at(-1) ?? '';
    const crd = this.crds.get(`${group}/${object.kind}`);
    if (crd !== undefined) {
      const served = crd.spec.versions.find(({ name }) => name === version);
      if (served === undefined) {
        const names = crd.spec.versions.map(({ name }) => name).join(', ');
        return Object.assign(() => false, { errors: [versionError(object.apiVersion, names)] }) as never;
      }
      return this.crdAjv.compile(closedSchemaOf(served.schema?.openAPIV3Schema ?? {}));
    }
    const name = this.definitionOf(object);
    return name === undefined ? undefined : this.ajv.compile({ $ref: `${kubernetesId}#/$defs/${name}` });
  }
}

/**
 * Reports whether an error is about a field without a value. The API server removes such fields
 * (`PruneNonNullableNulls…`).
 */
function isUnset({ keyword, data, instancePath }: ErrorObject): boolean {
  return keyword === 'type' && data === null && !/\/\d+$/.test(instancePath);
}

const kubernetesId = 'https://kubernetes.io/api/_definitions.json';

function versionError(apiVersion: string, names: string): Partial<ErrorObject> {
  return { instancePath: '/apiVersion', keyword: 'const', message: `"${apiVersion}" is not served: use ${names}` };
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

/**
 * Selects the errors to report. An unknown field also fails every alternative around it, so only the field is reported.
 */
function mostSpecific(errors: readonly Partial<ErrorObject>[]): readonly Partial<ErrorObject>[] {
  const unknown = errors.filter(({ keyword }) => keyword === 'additionalProperties');
  if (unknown.length > 0) return unknown;
  const plain = errors.filter(({ keyword }) => !narrowing.has(keyword ?? ''));
  return plain.length > 0 ? plain : errors;
}

function problemOf({ instancePath = '', keyword, params, parentSchema, message }: Partial<ErrorObject>): SchemaProblem {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (keyword === 'additionalProperties') {
    const field = String((params as { additionalProperty: string }).additionalProperty);
    const known = Object.keys((parentSchema?.properties as object | undefined) ?? {});
    return { path: [...path, field], message: `unknown field "${field}": expected ${listOf(known)}` };
  }
  const allowed = keyword === 'enum' ? `: ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}` : '';
  return { path, message: `${message ?? 'not valid'}${allowed}` };
}

const maxListedFields = 30;

function listOf(names: readonly string[]): string {
  if (names.length === 0) return 'no field';
  const listed = names.slice(0, maxListedFields).join(', ');
  return names.length > maxListedFields ? `${listed} …` : listed;
}
