import { MeshmockError } from '../../../error/meshmock-error.ts';
import type { Container, DataKind, EnvVar, KeyReference, Labels, Reference } from '../../resources/objects.ts';

/** Sources from which a container's environment variables take their values. */
export interface EnvSources {
  /** Returns a field of the pod by its path, or undefined if the downward API does not have it. */
  field(path: string): string | undefined;
  /** Returns the value of a limit or request, or undefined if the container does not set it. */
  resource(reference: NonNullable<NonNullable<EnvVar['valueFrom']>['resourceFieldRef']>): string | undefined;
  /** Returns the values of a ConfigMap or Secret in the pod's namespace, or undefined if it does not exist. */
  data(kind: DataKind, name: string): Labels | undefined;
}

/**
 * Returns the environment variables of a container as kubelet makes them. Those of whole ConfigMaps and Secrets come
 * first, later values replace earlier ones, and `$(NAME)` refers to an earlier variable. Variables from resources that
 * the container does not set are left out.
 *
 * @throws MeshmockError `usage` if a source does not exist
 */
export function containerEnv({ env = [], envFrom = [] }: Container, sources: EnvSources): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { prefix = '', configMapRef, secretRef } of envFrom) {
    const all = { ...wholeOf('ConfigMap', configMapRef, sources), ...wholeOf('Secret', secretRef, sources) };
    for (const [key, value] of Object.entries(all)) variables[prefix + key] = value;
  }
  for (const variable of env) {
    const value = variableValue(variable, variables, sources);
    if (value !== undefined) variables[variable.name] = value;
  }
  return variables;
}

function wholeOf(kind: DataKind, reference: Reference | undefined, sources: EnvSources): Labels {
  if (reference === undefined) return {};
  const data = sources.data(kind, reference.name);
  if (data === undefined && reference.optional !== true)
    throw new MeshmockError('usage', `envFrom: ${notFound(kind, reference.name)}`);
  return data ?? {};
}

function variableValue({ name, value, valueFrom }: EnvVar, variables: Labels, sources: EnvSources): string | undefined {
  if (valueFrom === undefined) return expandVariables(value ?? '', variables);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (resourceFieldRef !== undefined) return sources.resource(resourceFieldRef);
  if (fieldRef !== undefined) {
    const found = sources.field(fieldRef.fieldPath);
    if (found === undefined)
      throw new MeshmockError('usage', `the variable ${name}: the field ${fieldRef.fieldPath} is not supported`);
    return found;
  }
  const fromKey = (kind: DataKind, { name: object, key, optional }: KeyReference): string | undefined => {
    const data = sources.data(kind, object);
    const found = data?.[key];
    if (found !== undefined || optional === true) return found;
    const problem = data === undefined ? notFound(kind, object) : `the ${kind} ${object} has no key "${key}"`;
    throw new MeshmockError('usage', `the variable ${name}: ${problem}`);
  };
  if (configMapKeyRef !== undefined) return fromKey('ConfigMap', configMapKeyRef);
  return secretKeyRef === undefined ? undefined : fromKey('Secret', secretKeyRef);
}

function notFound(kind: DataKind, name: string): string {
  return `the ${kind} ${name} does not exist`;
}

/**
 * Replaces each `$(NAME)` with the value of that variable. `$$` means one dollar sign, and unknown names stay as they
 * are (Kubernetes, "Define Dependent Environment Variables").
 *
 * @example expandVariables('pod-$(ID)', { ID: '1' }) // 'pod-1'
 */
export function expandVariables(text: string, variables: Labels): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (match, name?: string) => {
    if (name === undefined) return '$';
    return Object.hasOwn(variables, name) ? (variables[name] ?? '') : match;
  });
}
