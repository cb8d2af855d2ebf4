import { availableParallelism } from 'node:os';
import type { CaseFile } from '../../cases/case.ts';
import type { MeshUnderTest } from '../../cases/mesh-under-test.ts';
import { LiveTestMesh } from '../../cases/meshes/live-test-mesh.ts';
import { LocalTestMesh } from '../../cases/meshes/local-test-mesh.ts';
import { optional } from '../../error/optional.ts';
import { meshCapacity } from '../../istio/node/node-object.ts';
import { type InstalledTools, installMeshTools } from '../../istio/tools/install-tools.ts';
import { readManifestsOfCases } from '../files/case-files.ts';
import { readIstioSettings } from '../files/istio-settings.ts';
import { checkMemory, defaultMeshCount, mostPods, startedMeshCount } from './mesh-count.ts';
import { oneMeshFlagOf, type TestSettings } from './test-options.ts';

/** Meshes of a run. */
export class TestMeshes implements AsyncDisposable {
  readonly all: readonly MeshUnderTest[];

  constructor(all: readonly MeshUnderTest[]) {
    this.all = all;
  }

  /** Ends all local meshes at the same time. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((mesh) => mesh[Symbol.asyncDispose]()));
  }
}

/**
 * Returns the meshes that run files: the running mesh of `--entry`, or local meshes. A local mesh starts for its first
 * file.
 *
 * @param stop ends an installation of tools
 * @throws MeshmockError `machine` if the machine has no memory for as many meshes as the user wants
 */
export function testMeshes(settings: TestSettings, files: readonly CaseFile[], stop: AbortSignal): TestMeshes {
  const { entry, before } = settings;
  if (entry.length > 0) return new TestMeshes([new LiveTestMesh(entry, before ? 'before' : 'after')]);
  // An installation that fails is one error, and not one of each mesh.
  let installed: Promise<InstalledTools> | undefined;
  const tools = (): Promise<InstalledTools> => {
    installed ??= installMeshTools(stop);
    return installed;
  };
  const count = meshCount(settings, files);
  return new TestMeshes(Array.from({ length: count }, (_, index) => localMesh(settings, index + 1, tools)));
}

function meshCount(settings: TestSettings, files: readonly CaseFile[]): number {
  const { maxReplicas, watch } = settings;
  // With --watch, more files may follow.
  const meshes = watch ? settings.meshes : startedMeshCount(settings.meshes, files.length);
  if (meshes === 1) return 1;
  const pods = mostPods(files, readManifestsOfCases, maxReplicas);
  if (meshes === undefined) {
    // After the first run, --watch mostly runs a single file.
    if (watch || oneMeshFlagOf(settings) !== undefined) return 1;
    return defaultMeshCount(files.length, pods, { cores: availableParallelism(), meshesWith: meshCapacity });
  }
  checkMemory(meshes, pods, meshCapacity(pods));
  return meshes;
}

function localMesh(settings: TestSettings, number: number, tools: () => Promise<InstalledTools>): LocalTestMesh {
  const { http, grpc, maxReplicas } = settings;
  return new LocalTestMesh({
    number,
    tools,
    read: readManifestsOfCases,
    istio: ({ meshConfig = settings.meshConfig }) => readIstioSettings({ ...settings, meshConfig }),
    ...optional('maxReplicas', maxReplicas),
    http,
    grpc,
    serveArguments: ['--log-level=warn'],
    onProgramExit: (name, logs) =>
      process.stderr.write(`meshmock: ${name} ended unexpectedly: see its log in ${logs}\n`),
  });
}
