import type { CaseFile } from '../../cases/case.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { podsOf } from '../../istio/local-mesh/reduce-replicas.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { isScalable } from '../../istio/resources/objects.ts';

/** Files for each mesh. A start needs as much processor time as about two of the labs' files. */
const filesPerMesh = 4;
/** Pods of a mesh besides those of its manifests: istiod and the ingress gateway. */
const ownPods = 2;

/** Resources of this machine for local meshes. */
export interface MeshCapacity {
  readonly cores: number;
  /** Returns the number of meshes with this number of pods for which the machine has memory. */
  readonly meshesWith: (pods: number) => number;
}

/** Returns the number of local meshes that run files at the same time if the user sets none: one for each core at most. */
export function defaultMeshCount(files: number, pods: number, { cores, meshesWith }: MeshCapacity): number {
  return Math.max(1, Math.min(cores, Math.floor(files / filesPerMesh), meshesWith(pods)));
}

/** Returns how many of the meshes that the user sets start: one for each file at most. */
export function startedMeshCount(meshes: number | undefined, files: number): number | undefined {
  return meshes === undefined ? undefined : Math.max(1, Math.min(meshes, files));
}

/**
 * Checks that the machine has memory for meshes.
 *
 * @param most number of meshes with this number of pods that fit; negative if even the reserve of the machine does not fit
 * @throws MeshmockError `machine` if they do not fit
 */
export function checkMemory(meshes: number, pods: number, most: number): void {
  if (meshes <= most) return;
  const room = Math.max(0, most);
  throw new MeshmockError(
    'machine',
    `this machine has free memory for ${room} local meshes of ${pods} pods instead of ${meshes}: choose fewer --meshes`,
  );
}

/**
 * Returns the number of pods of the largest mesh that files of cases need, or more.
 *
 * @param read reads the manifests of files and folders
 * @param maxReplicas maximum number of replicas of each workload
 */
export function mostPods(
  files: readonly CaseFile[],
  read: (names: readonly string[]) => readonly ManifestSource[],
  maxReplicas = Number.POSITIVE_INFINITY,
): number {
  const podsIn = ({ manifests, change, fill }: CaseFile): number =>
    parseManifests(read([...manifests, ...change])).reduce((pods, { object }) => {
      const own = isScalable(object) ? Math.min(podsOf(object), maxReplicas) : podsOf(object);
      // Each destination that an object names may get a mock.
      return pods + (fill && own === 0 ? 1 : own);
    }, ownPods);
  return Math.max(0, ...files.map(podsIn));
}
