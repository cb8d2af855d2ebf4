import { optional } from '../../error/optional.ts';
import type { AppliedObject } from '../apply/apply-all.ts';
import type { Manifest, ManifestSource } from '../resources/manifest.ts';
import { isWorkload, type KubeObject } from '../resources/objects.ts';
import { configId, isConfig, shownObject } from './config-objects.ts';
import type { RecordedChange, RecordedObject } from './observation.ts';

/** Maximum number of changes that are kept, and of the objects in one. */
const mostChanges = 50;
const mostObjects = 100;

/** Changes of a mesh's configuration, the last ones, and the manifests of the objects. */
export class ChangeLog {
  private readonly changes: RecordedChange[] = [];
  private readonly sources = new Map<string, ManifestSource>();
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

  /** Remembers the manifests of objects. */
  keepSources(manifests: readonly Manifest[], sources: readonly ManifestSource[], namespace: string): void {
    const byName = new Map(sources.map((source) => [source.name, source]));
    for (const { object, whereIs } of manifests) {
      if (!isConfig(object)) continue;
      const source = byName.get(whereIs([]).replace(/:\d+:\d+$/, ''));
      const { metadata } = object;
      const key = configId({ ...object, metadata: { ...metadata, namespace: metadata.namespace ?? namespace } });
      if (source !== undefined) this.sources.set(key, source);
    }
  }

  /**
   * Records what meshmock has applied or deleted.
   *
   * @param isRecorded true if an observer saw the changes when they were made, and records them
   */
  recordApplied(by: 'apply' | 'delete', objects: readonly AppliedObject[], isRecorded: boolean): void {
    const changed = objects.flatMap(({ change, object }): (RecordedObject & { object: KubeObject })[] => {
      switch (change) {
        case 'created':
          return [{ change, after: object, object }];
        case 'configured':
          return [{ change: 'changed', after: object, object }];
        case 'deleted':
          this.sources.delete(configId(object));
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
      listed.map(({ object: _, ...one }) => one),
      changed.length - listed.length,
    );
  }

  /** Records a change. One without objects is not recorded. */
  record(by: RecordedChange['by'], objects: readonly RecordedObject[], others: number, atMs = Date.now()): void {
    if (objects.length === 0 && (others === 0 || by === 'start')) return;
    const kept = objects.slice(0, mostObjects).map(({ change, before, after }) => ({
      change,
      ...optional('before', before && shownObject(before)),
      ...optional('after', after && shownObject(after)),
    }));
    const more = others + objects.length - kept.length;
    this.changes.push({ number: ++this.last, atMs, by, objects: kept, more });
    if (this.changes.length > mostChanges) this.changes.shift();
  }
}
