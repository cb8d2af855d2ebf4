import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { tryLock } from '../process/file-lock.ts';
import { namespacesFolder } from '../process/program.ts';
import { isRootless } from '../process/user-namespace.ts';
import { askMesh, controlSocket, meshOption } from './control-client.ts';
import { createMeshesFolder, folderOf, meshesFolder } from './mesh-places.ts';

/**
 * Folder of a mesh on this machine, and a lock on it. The kernel releases the lock when its process ends in any way. Other
 * users cannot take it, because they cannot open the folder.
 */
export class MeshFolder {
  readonly path: string;
  private readonly lock: number;

  private constructor(folder: string, lock: number) {
    this.path = folder;
    this.lock = lock;
  }

  /**
   * Locks the name of a mesh and creates an empty folder for it. The folders of all meshes that were killed are
   * removed.
   *
   * @throws MeshmockError `conflict` if a mesh of this name is up or starting
   */
  static async take(mesh: string): Promise<MeshFolder> {
    createMeshesFolder();
    const folder = folderOf(mesh);
    const lock = createLocked(folder);
    if (lock === undefined)
      throw new MeshmockError(
        'conflict',
        `the mesh "${mesh}" is already up: end it with \`meshmock istio down${meshOption(mesh)}\`, or choose another name with --mesh`,
      );
    for (const name of readdirSync(meshesFolder())) if (name !== mesh) await removeIfDead(name);
    for (const name of readdirSync(folder)) rmSync(path.join(folder, name), { recursive: true, force: true });
    return new MeshFolder(folder, lock);
  }

  /** Removes the folder and releases the name. */
  release(): void {
    rmSync(this.path, { recursive: true, force: true });
    closeSync(this.lock);
    try {
      rmdirSync(meshesFolder());
      if (isRootless()) return;
      // No other mesh is up. Otherwise this would remove the folder under its mount.
      rmdirSync(namespacesFolder);
    } catch {
      // Folders that are not empty stay.
    }
  }
}

const endTimeoutMs = 10_000;

/**
 * Ends a mesh and waits until it has ended.
 *
 * @throws MeshmockError `unavailable` if no such mesh is up
 * @throws MeshmockError `timeout` if the mesh does not end within 10 s
 */
export async function endMesh(mesh: string, signal: AbortSignal): Promise<void> {
  await askMesh(mesh, { kind: 'down' }, signal);
  const until = performance.now() + endTimeoutMs;
  while (isLocked(folderOf(mesh))) {
    if (performance.now() > until)
      throw new MeshmockError('timeout', `the mesh "${mesh}" did not end within ${endTimeoutMs / 1000} s`);
    await sleep(20, undefined, { signal });
  }
}

/** Mode of a mesh's folder: the users of its proxies reach their files, but no other user can open it, and so lock it. */
const folderMode = 0o711;

/** Creates a folder if it does not exist, and locks it. Returns undefined if another process has the lock. */
function createLocked(folder: string): number | undefined {
  for (;;) {
    mkdirSync(folder, { recursive: true, mode: folderMode });
    const opened = openIfExists(folder);
    if (opened === undefined) continue;
    if (!tryLock(opened)) {
      closeSync(opened);
      return undefined;
    }
    if (isAt(opened, folder)) return opened;
    // The process that had the lock before has removed the folder.
    closeSync(opened);
  }
}

/** Removes the folder of a mesh that is not up. */
async function removeIfDead(mesh: string): Promise<void> {
  const folder = folderOf(mesh);
  const opened = openIfExists(folder);
  if (opened === undefined) return;
  // A mesh of an older meshmock has no lock on its folder, but its control socket answers.
  if (tryLock(opened) && isAt(opened, folder) && !(await answers(mesh)))
    rmSync(folder, { recursive: true, force: true });
  closeSync(opened);
}

/** Reports whether a process listens on the control socket of a mesh. */
async function answers(mesh: string): Promise<boolean> {
  const socket = connect(path.join(folderOf(mesh), controlSocket));
  const isConnected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isConnected;
}

/** Reports whether a mesh is up, starting or ending. */
function isLocked(folder: string): boolean {
  const opened = openIfExists(folder);
  if (opened === undefined) return false;
  const isFree = tryLock(opened);
  closeSync(opened);
  return !isFree;
}

function openIfExists(folder: string): number | undefined {
  try {
    return openSync(folder, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reports whether a path still leads to an open folder. */
function isAt(opened: number, folder: string): boolean {
  const { dev, ino } = fstatSync(opened);
  const now = statSync(folder, { throwIfNoEntry: false });
  return now !== undefined && now.dev === dev && now.ino === ino;
}
