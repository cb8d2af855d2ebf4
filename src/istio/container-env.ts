import { MeshmockError } from '../error/meshmock-error.ts';
import type { Container, EnvVar, KeyReference, Labels, Reference } from './objects.ts';

/** What the variables of a container may be taken from. */
export interface EnvSources {
  /** A field of the pod by its path, as the downward API has it; undefined for one that it has not. */
  field(path: string): string | undefined;
  /** What a ConfigMap or Secret of the pod's namespace holds; undefined when there is none of that name. */
  data(kind: DataKind, name: string): Labels | undefined;
}

export type DataKind = 'ConfigMap' | 'Secret';

/**
 * The variables of a container as kubelet makes them: those of whole ConfigMaps and Secrets first, later ones in the
 * place of earlier ones, and `$(NAME)` for a variable that came before. What asks for its resources is left out.
 *
 * @throws MeshmockError `usage` when something is taken from where nothing is
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
  if (data === undefined && reference.optional !== true) throw missing('envFrom', `${kind} ${reference.name}`);
  return data ?? {};
}

function variableValue({ name, value, valueFrom }: EnvVar, variables: Labels, sources: EnvSources): string | undefined {
  if (valueFrom === undefined) return expandVariables(value ?? '', variables);
  const { fieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) {
    const found = sources.field(fieldRef.fieldPath);
    if (found === undefined) throw missing(`the variable ${name}`, `field ${fieldRef.fieldPath} for variables`);
    return found;
  }
  const fromKey = (kind: DataKind, { name: object, key, optional }: KeyReference): string | undefined => {
    const found = sources.data(kind, object)?.[key];
    if (found === undefined && optional !== true)
      throw missing(`the variable ${name}`, `key "${key}" of a ${kind} ${object}`);
    return found;
  };
  if (configMapKeyRef !== undefined) return fromKey('ConfigMap', configMapKeyRef);
  return secretKeyRef === undefined ? undefined : fromKey('Secret', secretKeyRef);
}

function missing(what: string, wanted: string): MeshmockError {
  return new MeshmockError('usage', `${what}: there is no ${wanted}`);
}

/**
 * Puts in the values of variables for `$(NAME)`; `$$` is a dollar, and what names no variable stays as it is
 * (Kubernetes, "Define Dependent Environment Variables").
 */
export function expandVariables(text: string, variables: Labels): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (written, name?: string) => {
    if (name === undefined) return '$';
    return Object.hasOwn(variables, name) ? (variables[name] ?? '') : written;
  });
}
