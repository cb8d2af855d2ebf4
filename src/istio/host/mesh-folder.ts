import { once } from 'node:events';
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { namespacesFolder } from '../process/program.ts';
import { askMesh, controlSocket, folderOf, meshesFolder, meshOption } from './control-client.ts';

/**
 * Folder of a mesh on this machine, and a lock on the mesh's name. The lock is an abstract socket, which the kernel
 * releases when its process ends in any way.
 */
export class MeshFolder {
  readonly path: string;
  private readonly lock: Server;

  private constructor(folder: string, lock: Server) {
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
    const lock = await tryLock(mesh);
    if (lock === undefined)
      throw new MeshmockError(
        'conflict',
        `the mesh "${mesh}" is already up: end it with \`meshmock istio down${meshOption(mesh)}\`, or choose another name with --mesh`,
      );
    mkdirSync(meshesFolder, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(meshesFolder)) if (name !== mesh) await removeIfDead(name);
    const folder = folderOf(mesh);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o755 });
    return new MeshFolder(folder, lock);
  }

  /** Removes the folder and releases the name. */
  async release(): Promise<void> {
    rmSync(this.path, { recursive: true, force: true });
    try {
      rmdirSync(meshesFolder);
      // No other mesh is up. Otherwise this would remove the folder under its mount.
      rmdirSync(namespacesFolder);
    } catch {
      // Folders that are not empty stay.
    }
    await this.lock[Symbol.asyncDispose]();
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
  while (await isLocked(mesh)) {
    if (performance.now() > until)
      throw new MeshmockError('timeout', `the mesh "${mesh}" did not end within ${endTimeoutMs / 1000} s`);
    await sleep(20, undefined, { signal });
  }
}

/** Removes the folder of a mesh that is not up. */
async function removeIfDead(mesh: string): Promise<void> {
  const lock = await tryLock(mesh);
  if (lock === undefined) return;
  // A mesh in another network namespace has another lock, but its control socket still answers.
  if (!(await answers(mesh))) rmSync(folderOf(mesh), { recursive: true, force: true });
  await lock[Symbol.asyncDispose]();
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

/** Locks the name of a mesh. Returns undefined if another process has the lock. */
async function tryLock(mesh: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  // The null byte makes the socket abstract: it is not in the file system (unix(7), "abstract").
  server.listen(lockAddress(mesh));
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

function lockAddress(mesh: string): string {
  return `\0meshmock-istio-${mesh}`;
}

/** Reports whether a mesh is up, starting or ending. */
async function isLocked(mesh: string): Promise<boolean> {
  const lock = await tryLock(mesh);
  await lock?.[Symbol.asyncDispose]();
  return lock === undefined;
}
