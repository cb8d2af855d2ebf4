import { namespaceOf, type PodSpec } from '../../objects.ts';
import type { KubeClient } from '../kube-client.ts';
import { KubeError } from '../kube-error.ts';
import { applyObject } from './apply-object.ts';
import type { PreparedObject } from './prepare-objects.ts';
import { type Problem, problemsOf, problemText } from './problems.ts';

/** Objects that do not exist yet, but will exist when an object is applied. */
export interface Upcoming {
  readonly namespaces: ReadonlySet<string>;
  /** Service accounts, as `NAMESPACE/NAME`. */
  readonly accounts: ReadonlySet<string>;
}

/** Refusal of an object: its lines of text, and the error if it is not the object's fault. */
export interface Refusal {
  /** Lines that begin with file, line and column. */
  readonly lines: readonly string[];
  /** True if the API server or a webhook failed. */
  readonly isFailure: boolean;
}

/**
 * Tries to apply an object without an effect.
 *
 * @returns the refusal, or undefined if the object would be accepted
 */
export async function tryObject(
  client: KubeClient,
  prepared: PreparedObject,
  upcoming: Upcoming,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const { object } = prepared;
  const isNew = object.metadata.namespace !== undefined && upcoming.namespaces.has(object.metadata.namespace);
  try {
    if (isNew) {
      // The checks are the same in a namespace that exists.
      const elsewhere = { ...object, metadata: { ...object.metadata, namespace: 'default' } };
      await client.create(elsewhere, { dryRun: true, fieldValidation: 'Strict' }, signal);
    } else await applyObject(client, object, signal, { dryRun: true });
    return undefined;
  } catch (error) {
    const isTaken = isNew && error instanceof KubeError && error.reason === 'AlreadyExists';
    if (isTaken || isAwaitingAccount(error, prepared, upcoming)) return undefined;
    return refusalOf(error, prepared);
  }
}

/**
 * Returns the lines of a refusal.
 *
 * @throws the error if it is not an answer of the API server
 */
export function refusalOf(error: unknown, { object, title, whereIs }: PreparedObject): Refusal {
  if (!(error instanceof KubeError)) throw error;
  const line = (problem: Problem): string => `${whereIs(problem.path)}: ${title}: ${problemText(problem)}`;
  return { lines: problemsOf(error, object).map(line), isFailure: error.code !== 'usage' };
}

/** Reports whether a pod is refused only because its service account does not exist yet. */
export function isAwaitingAccount(error: unknown, { object }: PreparedObject, upcoming: Upcoming): boolean {
  if (object.kind !== 'Pod' || !(error instanceof KubeError) || !/looking up service account/.test(error.message))
    return false;
  const { serviceAccountName, serviceAccount } = object.spec as PodSpec;
  const name = serviceAccountName ?? serviceAccount ?? 'default';
  const namespace = namespaceOf(object);
  return upcoming.accounts.has(`${namespace}/${name}`) || (upcoming.namespaces.has(namespace) && name === 'default');
}
