import { once } from 'node:events';
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../error/meshmock-error.ts';
import { askMesh, controlSocket, folderOf, meshesFolder, meshOption } from './control-client.ts';
import { namespacesFolder } from './program.ts';

/**
 * The folder of a mesh on this machine, and the right to its name: a socket without a file, which the kernel takes
 * back from whoever ends, however that ends.
 */
export class MeshFolder {
  readonly path: string;
  private readonly lock: Server;

  private constructor(folder: string, lock: Server) {
    this.path = folder;
    this.lock = lock;
  }

  /**
   * Takes a name and makes its folder anew. What meshes left that were killed is removed, those of other names too.
   *
   * @throws MeshmockError `usage` when such a mesh is up or starting
   */
  static async take(mesh: string): Promise<MeshFolder> {
    const lock = await lockOf(mesh);
    if (lock === undefined)
      throw new MeshmockError(
        'usage',
        `the mesh "${mesh}" is up already: \`meshmock istio down${meshOption(mesh)}\` ends it, another name makes another`,
      );
    mkdirSync(meshesFolder, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(meshesFolder)) if (name !== mesh) await sweep(name);
    const folder = folderOf(mesh);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o755 });
    return new MeshFolder(folder, lock);
  }

  /** Removes the folder and gives the name back. */
  async release(): Promise<void> {
    rmSync(this.path, { recursive: true, force: true });
    try {
      rmdirSync(meshesFolder);
      // Made for names of network namespaces. While another mesh is up, removing it would take away its mount there.
      rmdirSync(namespacesFolder);
    } catch {
      // Others are in it.
    }
    await this.lock[Symbol.asyncDispose]();
  }
}

const longestEndMs = 10_000;

/**
 * Ends the mesh of that name, and resolves when it has ended.
 *
 * @throws MeshmockError `usage` when none is up, or it does not end
 */
export async function endMesh(mesh: string, signal: AbortSignal): Promise<void> {
  await askMesh(mesh, { command: 'down', sources: [] }, signal);
  const until = performance.now() + longestEndMs;
  while (await isTaken(mesh)) {
    if (performance.now() > until) throw new MeshmockError('usage', `the mesh "${mesh}" has not ended`);
    await sleep(20, undefined, { signal });
  }
}

/** Removes what a mesh left, if it is not up. */
async function sweep(mesh: string): Promise<void> {
  const lock = await lockOf(mesh);
  if (lock === undefined) return;
  // One in another network namespace has another lock, and answers all the same.
  if (!(await answers(mesh))) rmSync(folderOf(mesh), { recursive: true, force: true });
  await lock[Symbol.asyncDispose]();
}

async function answers(mesh: string): Promise<boolean> {
  const socket = connect(path.join(folderOf(mesh), controlSocket));
  const isThere = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isThere;
}

/** Undefined when another process has it. */
async function lockOf(mesh: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  // A name that begins with a null byte is in no file system (unix(7), "abstract").
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

/** Whether a mesh of that name is up, starting or ending. */
async function isTaken(mesh: string): Promise<boolean> {
  const lock = await lockOf(mesh);
  await lock?.[Symbol.asyncDispose]();
  return lock === undefined;
}
