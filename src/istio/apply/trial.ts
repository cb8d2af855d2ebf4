import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { KubeError } from '../kube-api/kube-error.ts';
import { namespaceOf, type PodSpec } from '../resources/objects.ts';
import { type AppliedState, applyObject } from './apply-object.ts';
import { fieldAdvice } from './known-fields.ts';
import type { PreparedObject, ProblemLine } from './prepare-objects.ts';
import { problemsOf, problemText } from './problems.ts';

/** Objects that do not exist yet, but will exist when an object is applied. */
export interface Upcoming {
  readonly namespaces: ReadonlySet<string>;
  /** Service accounts, as `NAMESPACE/NAME`. */
  readonly accounts: ReadonlySet<string>;
}

/** Refusal of an object: its reasons, and whether it is the object's fault. */
export interface Refusal {
  readonly problems: readonly ProblemLine[];
  /** True if the API server or a webhook failed. */
  readonly isFailure: boolean;
}

/** Result of a trial. */
export type Trial =
  | { readonly kind: 'accepted' }
  /** The object is already as an apply would make it. */
  | { readonly kind: 'unchanged'; readonly state: AppliedState }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Tries to apply an object without an effect. */
export async function tryObject(
  client: KubeClient,
  prepared: PreparedObject,
  upcoming: Upcoming,
  signal: AbortSignal,
): Promise<Trial> {
  const { object } = prepared;
  const isNew = object.metadata.namespace !== undefined && upcoming.namespaces.has(object.metadata.namespace);
  try {
    if (isNew) {
      // The checks are the same in a namespace that exists.
      const elsewhere = { ...object, metadata: { ...object.metadata, namespace: 'default' } };
      await client.create(elsewhere, { dryRun: true, fieldValidation: 'Strict' }, signal);
      return { kind: 'accepted' };
    }
    const state = await applyObject(client, object, signal, { dryRun: true });
    // An object that is being deleted will be created again.
    const isUnchanged = state.change === 'unchanged' && state.object.metadata.deletionTimestamp === undefined;
    return isUnchanged ? { kind: 'unchanged', state } : { kind: 'accepted' };
  } catch (error) {
    const isTaken = isNew && error instanceof KubeError && error.reason === 'AlreadyExists';
    if (isTaken || isAwaitingAccount(error, prepared, upcoming)) return { kind: 'accepted' };
    return { kind: 'refused', refusal: await refusalOf(client, error, prepared, signal) };
  }
}

/**
 * Returns the lines of a refusal.
 *
 * @throws the error if it is not an answer of the API server
 */
export async function refusalOf(
  client: KubeClient,
  error: unknown,
  { object, title, whereIs, index }: PreparedObject,
  signal: AbortSignal,
): Promise<Refusal> {
  if (!(error instanceof KubeError)) throw error;
  const problems: ProblemLine[] = [];
  for (const problem of problemsOf(error, object)) {
    const advice = problem.isUnknownField ? await fieldAdvice(client, object, problem.path, signal) : '';
    problems.push({ index, line: `${whereIs(problem.path)}: ${title}: ${problemText(problem)}${advice}` });
  }
  return { problems, isFailure: error.code !== 'usage' };
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

/** @throws MeshmockError with all problems in the order of their objects, if there are any */
export function throwRefusals(refusals: readonly Refusal[], others: readonly ProblemLine[] = []): void {
  const problems = [...others, ...refusals.flatMap((refusal) => refusal.problems)];
  if (problems.length === 0) return;
  const lines = problems.toSorted((a, b) => a.index - b.index).map(({ line }) => line);
  const code = refusals.some(({ isFailure }) => isFailure) ? 'unavailable' : 'usage';
  throw new MeshmockError(code, lines.join('\n'));
}
