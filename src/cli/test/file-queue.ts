import type { CaseFile } from '../../cases/case.ts';
import { countCalls } from '../../plan/measure.ts';

/**
 * Files that wait for a mesh. A single mesh runs them in their order. Several meshes take turns: each prefers files like
 * the one that it ran last, since what two files have in common stays in a mesh. Of the last files, the longest comes
 * first, so that all meshes end at about the same time.
 *
 * @example
 * const queue = new FileQueue(files, 1);
 * for (let file = queue.take(undefined, []); file !== undefined; file = queue.take(file, [])) await run(file);
 */
export class FileQueue {
  private readonly waiting: CaseFile[];
  private readonly meshes: number;

  /** @param meshes number of meshes that take files */
  constructor(files: readonly CaseFile[], meshes: number) {
    this.waiting = [...files];
    this.meshes = meshes;
  }

  /**
   * Takes the next file for a mesh.
   *
   * @param last file that the mesh ran last; undefined for a mesh that has not started
   * @param others files that other meshes run now
   * @returns undefined if no file is left
   */
  take(last: CaseFile | undefined, others: readonly CaseFile[]): CaseFile | undefined {
    const next = this.meshes === 1 ? this.waiting[0] : this.best(last, others);
    if (next !== undefined) this.waiting.splice(this.waiting.indexOf(next), 1);
    return next;
  }

  /** Returns the file that is most like the last one of the mesh, then least like those of other meshes. */
  private best(last: CaseFile | undefined, others: readonly CaseFile[]): CaseFile | undefined {
    const isEnd = this.waiting.length <= filesAtEnd * this.meshes;
    const ranked = this.waiting.map((file) => ({
      file,
      likeness: last === undefined ? 0 : likeness(file, last),
      otherLikeness: Math.max(-1, ...others.map((other) => likeness(file, other))),
      calls: isEnd ? callsOf(file) : 0,
    }));
    // Equal files stay in their order.
    ranked.sort((a, b) => b.likeness - a.likeness || a.otherLikeness - b.otherLikeness || b.calls - a.calls);
    return ranked[0]?.file;
  }
}

/** Number of files for each mesh of which the longest comes first. */
const filesAtEnd = 2;

/** Returns the number of manifests that a mesh keeps between two files; -1 if it starts again between them. */
function likeness(one: CaseFile, other: CaseFile): number {
  const fields = ['namespace', 'fill', 'meshConfig'] as const;
  if (fields.some((field) => one[field] !== other[field])) return -1;
  return one.manifests.filter((manifest) => other.manifests.includes(manifest)).length;
}

/** Returns the number of calls that the cases of a file make. A case that asserts a route counts as one. */
function callsOf({ before, cases, always }: CaseFile): number {
  return [...before, ...cases, ...always].reduce(
    (sum, one) => sum + (one.kind === 'route' ? 1 : one.repeat * (1 + countCalls(one.plan))),
    0,
  );
}
