import { optional } from '../../error/optional.ts';
import type { AppliedObject } from '../apply/apply-all.ts';
import type { Manifest, ManifestSource } from '../resources/manifest.ts';
import { isWorkload, type KubeObject } from '../resources/objects.ts';
import { configId, isConfig, shownObject } from './config-objects.ts';
import type { RecordedChange, RecordedObject } from './observation.ts';

/** Maximum number of changes that are kept, and of the objects in one. */
const mostChanges = 50;
const mostObjects = 100;

/** Maximum number of objects whose manifests are remembered. */
const mostSources = 5000;

/** Time for which the changes of an apply are held until it has an effect, in milliseconds. */
const longestHoldMs = 30_000;

/** Time after a revert in which a watch sees the last events of it, in milliseconds. */
const watchDelayMs = 500;

/** Change of an object, with the manifests from which meshmock applied it. */
export interface SourcedObject extends Omit<RecordedObject, 'source'> {
  readonly source?: ManifestSource;
}

/** Apply that was reverted, and the time that it took. */
interface RevertedApply {
  readonly ids: ReadonlySet<string>;
  readonly fromMs: number;
  readonly lastMs: number;
}

/** Changes of a mesh's configuration, the last ones, and the manifests of the objects. */
export class ChangeLog {
  private readonly changes: RecordedChange[] = [];
  private readonly sources = new Map<string, ManifestSource>();
  private readonly underWay = new Set<{ readonly atMs: number }>();
  private reverted: RevertedApply[] = [];
  private last = 0;
  /** True while an observer sees the changes itself, also those of other programs. */
  isObserved = false;
  /** False while the mesh starts. */
  isStarted = false;

  /** Changes after a number, in their order. */
  after(number: number): RecordedChange[] {
    return this.changes.filter((change) => change.number > number);
  }

  /** Returns the manifests from which meshmock applied an object. */
  sourceOf(object: KubeObject): ManifestSource | undefined {
    return this.sources.get(configId(object));
  }

  /** Remembers the manifests of objects, also of those that are deleted later: the record of that names them. */
  keepSources(manifests: readonly Manifest[], sources: readonly ManifestSource[], namespace: string): void {
    const byName = new Map(sources.map((source) => [source.name, source]));
    for (const { object, whereIs } of manifests) {
      if (!isConfig(object) && !isOfPods(object)) continue;
      const source = byName.get(whereIs([]).replace(/:\d+:\d+$/, ''));
      const { metadata } = object;
      const key = configId({ ...object, metadata: { ...metadata, namespace: metadata.namespace ?? namespace } });
      if (source !== undefined) this.sources.set(key, source);
    }
    for (const key of [...this.sources.keys()].slice(0, -mostSources)) this.sources.delete(key);
  }

  /**
   * Records what meshmock has applied or deleted.
   *
   * @param isRecorded true if an observer saw the changes when they were made, and records them
   */
  recordApplied(by: 'apply' | 'delete', objects: readonly AppliedObject[], isRecorded: boolean): void {
    const changed = objects.flatMap(({ change, object }): (SourcedObject & { object: KubeObject })[] => {
      switch (change) {
        case 'created':
          return [{ change, after: object, object }];
        case 'configured':
          return [{ change: 'changed', after: object, object }];
        case 'deleted':
          return [{ change, before: object, object }];
        default:
          return [];
      }
    });
    if (isRecorded) return;
    // A mesh starts with all its workloads, which the page shows anyway.
    const listed = changed.filter(({ object }) => isConfig(object) || (this.isStarted && isWorkload(object)));
    this.record(
      this.isStarted ? by : 'start',
      listed.map(({ object, ...one }) => ({ ...one, ...optional('source', this.sourceOf(object)) })),
      changed.length - listed.length,
    );
  }

  /** Reports whether an apply is under way, whose changes are not recorded until it has an effect or is reverted. */
  get isHeld(): boolean {
    return [...this.underWay].some(({ atMs }) => Date.now() < atMs + longestHoldMs);
  }

  /**
   * Holds the changes of an apply while it runs. An apply that fails after it has made objects, and has reverted them, is one
   * change.
   *
   * @param apply gets a function that it calls with the objects that it has reverted, and the reason
   */
  async whileApplying<T>(
    apply: (revert: (objects: readonly AppliedObject[], reason: string) => void) => Promise<T>,
  ): Promise<T> {
    const one = { atMs: Date.now() };
    let undone: { readonly objects: readonly AppliedObject[]; readonly reason: string } | undefined;
    this.underWay.add(one);
    // What this apply makes is not part of an earlier one.
    this.reverted = this.reverted.map((old) => ({ ...old, lastMs: Math.min(old.lastMs, one.atMs - 1) }));
    try {
      return await apply((objects, reason) => {
        undone = { objects, reason };
      });
    } finally {
      if (undone !== undefined) this.recordReverted(undone.objects, undone.reason, one.atMs);
      this.underWay.delete(one);
    }
  }

  /** Reports whether an event is part of an apply that was reverted, and is recorded as such. */
  isReverted(object: KubeObject, atMs: number): boolean {
    const id = configId(object);
    return this.reverted.some(({ ids, fromMs, lastMs }) => ids.has(id) && atMs >= fromMs && atMs <= lastMs);
  }

  private recordReverted(objects: readonly AppliedObject[], reason: string, fromMs: number): void {
    const changed = objects.flatMap(({ change, object }): Omit<RecordedObject, 'source'>[] => {
      if (!isConfig(object) && !isWorkload(object)) return [];
      if (change === 'created') return [{ change, after: object }];
      return change === 'configured' ? [{ change: 'changed', after: object }] : [];
    });
    const nowMs = Date.now();
    const ids = new Set(changed.flatMap(({ after }) => (after === undefined ? [] : [configId(after)])));
    const recent = this.reverted.filter(({ lastMs }) => nowMs < lastMs + longestHoldMs);
    this.reverted = [...recent, { ids, fromMs, lastMs: nowMs + watchDelayMs }];
    const sourced = changed.map((one) => ({ ...one, ...optional('source', one.after && this.sourceOf(one.after)) }));
    if (this.isStarted) this.record('refused', sourced, 0, fromMs, reason);
  }

  /** Records a change. One without objects is not recorded. */
  record(
    by: RecordedChange['by'],
    objects: readonly SourcedObject[],
    others: number,
    atMs = Date.now(),
    reason?: string,
  ): void {
    if (objects.length === 0 && (others === 0 || by === 'start')) return;
    const first = objects.slice(0, mostObjects);
    const sources = [...new Set(first.flatMap(({ source }) => source ?? []))];
    const kept = first.map(({ change, before, after, source }) => ({
      change,
      ...optional('before', before && shownObject(before)),
      ...optional('after', after && shownObject(after)),
      ...optional('source', source && sources.indexOf(source)),
    }));
    const more = others + objects.length - kept.length;
    const made = { number: ++this.last, atMs, by, ...optional('reason', reason), objects: kept, more };
    this.changes.push(sources.length === 0 ? made : { ...made, sources });
    if (this.changes.length > mostChanges) this.changes.shift();
  }
}

/** Reports whether an object makes pods, or is one. */
function isOfPods(object: KubeObject): boolean {
  return isWorkload(object) || object.kind === 'Pod';
}
