import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { groupedLines } from '../resources/grouped-lines.ts';
import { isIngressClass } from '../resources/ingresses.ts';
import type { Manifest } from '../resources/manifest.ts';
import { groupOf, isWorkload, type KubeObject, kubectlName, namespaceOf } from '../resources/objects.ts';
import { type AppliedState, applyObject } from './apply-object.ts';
import { defaultClassInEffect } from './default-class.ts';
import { mapConcurrently } from './map-concurrently.ts';
import {
  type ApplyOptions,
  type Crd,
  isCrd,
  type PreparedObject,
  type PreparedObjects,
  prepareObjects,
} from './prepare-objects.ts';
import { isAwaitingAccount, type Refusal, refusalOf, throwRefusals, tryObject, type Upcoming } from './trial.ts';
import { UndoLog } from './undo-log.ts';

/** Change that was made to an object, in kubectl's words. */
export interface AppliedObject {
  /** Name of the object as kubectl prints it. */
  readonly title: string;
  readonly change: AppliedState['change'] | 'deleted' | 'not found';
  /** The object as it is in the API, or was before it was deleted. */
  readonly object: KubeObject;
}

export interface ApplyResult {
  /** Objects in the order of the manifests, after the namespaces that no manifest declares. */
  readonly objects: readonly AppliedObject[];
  /** Warnings of the API server and of webhooks, each with the name of its object. */
  readonly warnings: readonly string[];
  /** Parts of the manifests that the local mesh does not run, each as a line of text. */
  readonly leftOut: readonly string[];
  /** Reverts everything, for a caller that finds later that the objects do not work. */
  revert(): Promise<void>;
}

const parallel = 8;
const pollMs = 25;
const accountTimeoutMs = 20_000;

/**
 * Applies manifests as `kubectl apply` does, but all of them or none. Namespaces that no manifest declares are created.
 * CustomResourceDefinitions are served when objects of their kinds are created.
 *
 * @throws MeshmockError `usage` with a line for each problem of each object, which begins with file, line and column
 */
export async function applyAll(
  client: KubeClient,
  manifests: readonly Manifest[],
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<ApplyResult> {
  const prepared = await prepareObjects(client, manifests, options, signal);
  const missing = await missingNamespaces(client, prepared.objects, signal);
  const implicit = missing.filter(({ isDeclared }) => !isDeclared).map(({ name }) => implicitNamespace(name, prepared));
  const objects = [...implicit, ...prepared.objects];
  const upcoming: Upcoming = {
    namespaces: new Set(missing.map(({ name }) => name)),
    accounts: new Set(objects.filter(isAccount).map(({ object }) => `${namespaceOf(object)}/${object.metadata.name}`)),
  };
  const run = new ApplyRun(client, upcoming, signal);
  const tried = objects.filter(({ object }) => client.kindOf(object) !== undefined);
  // A single object that is refused has no effect anyway.
  const needsTrial = objects.length > 1 || prepared.problems.length > 0;
  throwRefusals(needsTrial ? await run.tryAll(tried) : [], prepared.problems);
  try {
    await run.applyAll(objects, tried);
  } catch (error) {
    await run.revertAfter(error);
  }
  const results = objects.map((one) => ({ ...one, state: run.stateOf(one) }));
  const notes = implicit.map(({ title }) => `${title}: created, because no manifest declares it`);
  return {
    objects: results.map(({ title, state: { change, object } }) => ({ title, change, object })),
    warnings: groupedLines(
      results.flatMap(({ title, state: { warnings } }) => warnings.map((message) => ({ name: title, message }))),
    ),
    leftOut: [...prepared.leftOut, ...notes],
    revert: () => run.revert(),
  };
}

class ApplyRun {
  private readonly client: KubeClient;
  private readonly upcoming: Upcoming;
  private readonly signal: AbortSignal;
  private readonly undo: UndoLog;
  private readonly states = new Map<PreparedObject, AppliedState>();

  constructor(client: KubeClient, upcoming: Upcoming, signal: AbortSignal) {
    this.client = client;
    this.upcoming = upcoming;
    this.signal = signal;
    this.undo = new UndoLog(client);
  }

  /** Tries objects. Those that are already as an apply would make them need no apply, unless they occur twice. */
  async tryAll(objects: readonly PreparedObject[]): Promise<Refusal[]> {
    const { client, upcoming, signal } = this;
    const trials = await mapConcurrently(objects, parallel, (one) => tryObject(client, one, upcoming, signal));
    const byKey = Map.groupBy(objects, keyOf);
    return trials.flatMap((trial, index) => {
      const one = objects[index];
      if (trial.kind === 'unchanged' && one !== undefined && byKey.get(keyOf(one))?.length === 1)
        this.states.set(one, trial.state);
      return trial.kind === 'refused' ? [trial.refusal] : [];
    });
  }

  /** Applies objects in the order of their stages. Those that have not been tried are tried when their kind is served. */
  async applyAll(objects: readonly PreparedObject[], tried: readonly PreparedObject[]): Promise<void> {
    const stages = stagesOf(objects);
    for (const stage of stages.first) await this.applyStage(stage);
    const all = objects.map(({ object }) => object);
    const crds = all.filter(isCrd);
    if (crds.length > 0) await waitUntilServed(this.client, crds, this.signal);
    const untried = objects.filter((one) => !tried.includes(one));
    throwRefusals(await this.tryAll(untried));
    for (const stage of stages.read) await this.applyStage(stage);
    await defaultClassInEffect(this.client, all, this.signal);
    for (const stage of stages.others) await this.applyStage(stage);
  }

  stateOf(one: PreparedObject): AppliedState {
    const state = this.states.get(one);
    if (state === undefined) throw new MeshmockError('internal', `${one.title} was not applied`);
    return state;
  }

  async revert(): Promise<void> {
    await this.undo.revert();
    await this.client.discover(AbortSignal.timeout(accountTimeoutMs));
  }

  /** Reverts everything and throws the error that is the reason. */
  async revertAfter(error: unknown): Promise<never> {
    try {
      await this.revert();
    } catch (second) {
      if (!(error instanceof MeshmockError)) throw error;
      const { code, message } = error;
      throw new MeshmockError(code, `${message}\nnot everything could be reverted: ${(second as Error).message}`);
    }
    throw error;
  }

  private async applyStage(objects: readonly PreparedObject[]): Promise<void> {
    const pending = objects.filter((one) => !this.states.has(one));
    const refusals = await mapConcurrently(pending, parallel, async (one) => {
      try {
        const state = await this.applyOne(one);
        this.states.set(one, state);
        this.undo.add(state);
        return undefined;
      } catch (error) {
        return refusalOf(this.client, error, one, this.signal);
      }
    });
    throwRefusals(refusals.filter((refusal) => refusal !== undefined));
  }

  private async applyOne(one: PreparedObject): Promise<AppliedState> {
    const endMs = performance.now() + accountTimeoutMs;
    for (;;) {
      try {
        return await applyObject(this.client, one.object, this.signal);
      } catch (error) {
        if (!isAwaitingAccount(error, one, this.upcoming) || performance.now() > endMs) throw error;
        await sleep(pollMs, undefined, { signal: this.signal });
      }
    }
  }
}

/** Returns the objects in groups, one after another. An object that occurs twice is in two groups. */
function stagesOf(objects: readonly PreparedObject[]): {
  readonly first: PreparedObject[][];
  /** Objects that the admission of others reads. */
  readonly read: PreparedObject[][];
  readonly others: PreparedObject[][];
} {
  const isFirst = ({ object }: PreparedObject): boolean => isNamespace(object) || isCrd(object);
  const rest = objects.filter((one) => !isFirst(one));
  // The admission of pods reads accounts, and that of Ingresses the default class.
  const isRead = (one: PreparedObject): boolean => isAccount(one) || isIngressClass(one.object);
  const others = rest.filter((one) => !isRead(one));
  return {
    first: withoutRepetition(objects.filter(isFirst)),
    read: withoutRepetition(rest.filter(isRead)),
    // The sidecar of a pod gets its whole configuration at once if everything else exists before it.
    others: [...withoutRepetition(others.filter((one) => !hasPods(one))), ...withoutRepetition(others.filter(hasPods))],
  };
}

function hasPods({ object }: PreparedObject): boolean {
  const { apiVersion, kind } = object;
  return isWorkload(object) || (kind === 'Pod' && apiVersion === 'v1') || groupOf(object) === 'batch';
}

function withoutRepetition(objects: readonly PreparedObject[]): PreparedObject[][] {
  const groups: { readonly keys: Set<string>; readonly objects: PreparedObject[] }[] = [];
  for (const one of objects) {
    const key = keyOf(one);
    const last = groups.at(-1);
    if (last === undefined || last.keys.has(key)) groups.push({ keys: new Set([key]), objects: [one] });
    else {
      last.keys.add(key);
      last.objects.push(one);
    }
  }
  return groups.map((group) => group.objects);
}

function keyOf({ title, object }: PreparedObject): string {
  return `${title} ${object.metadata.namespace}`;
}

function isAccount({ object }: PreparedObject): boolean {
  return object.kind === 'ServiceAccount' && object.apiVersion === 'v1';
}

function isNamespace({ kind, apiVersion }: KubeObject): boolean {
  return kind === 'Namespace' && apiVersion === 'v1';
}

/** Returns a namespace that no manifest declares. Its place is that of the first object in it. */
function implicitNamespace(name: string, { objects }: PreparedObjects): PreparedObject {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  const first = objects.find((one) => one.object.metadata.namespace === name);
  const whereIs = (): string => first?.whereIs(['metadata', 'namespace']) ?? name;
  return { object, title: kubectlName(object), whereIs, index: -1 };
}

/** Returns the namespaces of objects that do not exist yet. */
async function missingNamespaces(
  client: KubeClient,
  objects: readonly PreparedObject[],
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly isDeclared: boolean }[]> {
  const declared = objects.filter(({ object }) => isNamespace(object)).map(({ object: { metadata } }) => metadata.name);
  const used = objects.map(({ object: { metadata } }) => metadata.namespace).filter((name) => name !== undefined);
  const names = [...new Set([...declared, ...used])];
  const found = await mapConcurrently(names, parallel, async (name) => {
    const live = await client.get({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, signal);
    return live !== undefined && live.metadata.deletionTimestamp === undefined;
  });
  return names.filter((_, index) => !found[index]).map((name) => ({ name, isDeclared: declared.includes(name) }));
}

/** Waits until the API server serves the kinds of CustomResourceDefinitions, and reads all kinds again. */
async function waitUntilServed(client: KubeClient, crds: readonly Crd[], signal: AbortSignal): Promise<void> {
  const kinds = crds.flatMap(({ spec: { group, names, versions } }) =>
    versions.filter(({ served }) => served).map(({ name }) => ({ apiVersion: `${group}/${name}`, kind: names.kind })),
  );
  while (kinds.some((kind) => client.kindOf(kind) === undefined)) {
    await client.discover(signal);
    await sleep(pollMs, undefined, { signal });
  }
}
