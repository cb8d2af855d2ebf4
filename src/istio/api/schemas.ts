import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { groupOf, type KubeObject } from '../objects.ts';
import type { Crd } from './kinds.ts';

export type Schema = Record<string, unknown>;

/** What is wrong in an object, and where. */
export interface SchemaProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** The group of Kubernetes's own kinds in the names of its definitions, where the two differ. */
const definitionGroups: Readonly<Record<string, string>> = { '': 'core' };

const ajvOptions = { allErrors: true, strict: false, validateFormats: false, verbose: true, logger: false } as const;

/**
 * The schemas of all kinds: those of Kubernetes as kubectl has them, those of CRDs closed, so that a field that
 * nobody knows is refused as a cluster would refuse it ("Server Side Field Validation").
 */
export class Schemas {
  private readonly ajv = new Ajv2020(ajvOptions);
  /** Istiod counts on the defaults of CRDs, and ends when it does not find them; those of Kubernetes are for its nodes. */
  private readonly ajvOfCrds = new Ajv2020({ ...ajvOptions, useDefaults: true });
  private readonly crds: ReadonlyMap<string, Crd>;
  private readonly definitions: Readonly<Record<string, Schema>>;
  private readonly compiled = new Map<string, ValidateFunction | undefined>();

  /** @param kubernetes the definitions of Kubernetes's own kinds, with their `$id` */
  constructor(crds: readonly Crd[], kubernetes: Schema) {
    this.crds = new Map(crds.map((crd) => [`${crd.spec.group}/${crd.spec.names.kind}`, crd]));
    this.definitions = kubernetes.$defs as Record<string, Schema>;
    this.ajv.addSchema(kubernetes, kubernetesId);
  }

  /**
   * What is wrong with an object by the schema of its kind and version; nothing for a kind without a schema. A CRD's
   * defaults are put into it, as a cluster does.
   */
  problemsOf(object: KubeObject): SchemaProblem[] {
    const key = `${object.apiVersion}/${object.kind}`;
    if (!this.compiled.has(key)) this.compiled.set(key, this.compile(object));
    const validate = this.compiled.get(key);
    if (validate === undefined || validate(object)) return [];
    return mostTelling((validate.errors ?? []).filter((error) => !isUnset(error))).map(problemOf);
  }

  /** Whether it is one of Kubernetes's own kinds. */
  knows(object: KubeObject): boolean {
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
      return this.ajvOfCrds.compile(closedSchemaOf(served.schema?.openAPIV3Schema ?? {}));
    }
    const name = this.definitionOf(object);
    return name === undefined ? undefined : this.ajv.compile({ $ref: `${kubernetesId}#/$defs/${name}` });
  }
}

/** A field of a map without a value is taken away before it is looked at (apiextensions, `PruneNonNullableNulls…`). */
function isUnset({ keyword, data, instancePath }: ErrorObject): boolean {
  return keyword === 'type' && data === null && !/\/\d+$/.test(instancePath);
}

const kubernetesId = 'https://kubernetes.io/api/_definitions.json';

function versionError(apiVersion: string, names: string): Partial<ErrorObject> {
  return { instancePath: '/apiVersion', keyword: 'const', message: `"${apiVersion}" is not served: there is ${names}` };
}

/** The schema of a CRD's objects in which a field that it does not name is refused, at any depth. */
export function closedSchemaOf(schema: Schema): Schema {
  const closed = closedSchema(schema);
  const properties = { ...(closed.properties as Schema), apiVersion: true, kind: true, metadata: { type: 'object' } };
  return { ...closed, properties };
}

/** Parts that narrow what is described elsewhere: closed, they would refuse what is valid. */
const narrowing = new Set(['oneOf', 'anyOf', 'allOf', 'not']);

/** A structural schema (Kubernetes, "Specifying a structural schema") in which only fields that it names may stand. */
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
  const isOpen = closed['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in closed;
  if ('properties' in closed && !isOpen) closed.additionalProperties = false;
  if (closed.nullable === true && typeof closed.type === 'string') closed.type = [closed.type, 'null'];
  return closed;
}

function mapValues(values: Record<string, Schema>, map: (value: Schema) => Schema): Record<string, Schema> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

/** A field that nobody knows also fails every alternative around it: then it alone is told. */
function mostTelling(errors: readonly Partial<ErrorObject>[]): readonly Partial<ErrorObject>[] {
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
    return { path: [...path, field], message: `there is no field "${field}": expected ${listOf(known)}` };
  }
  const allowed = keyword === 'enum' ? `: ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}` : '';
  return { path, message: `${message ?? 'not valid'}${allowed}` };
}

const mostFieldsNamed = 30;

function listOf(names: readonly string[]): string {
  if (names.length === 0) return 'no field';
  const shown = names.slice(0, mostFieldsNamed).join(', ');
  return names.length > mostFieldsNamed ? `${shown} …` : shown;
}
