import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { isRootless } from '../process/user-namespace.ts';

/** Folder of the meshes that root started, and of each mesh as its own programs see it. */
const systemFolder = '/run/meshmock';

/** Longest folder in which the name of a mesh and of its socket fit into the path of a socket (unix(7)). */
const longestFolder = 25;

/** Returns the folder that contains a folder for each mesh of this user on this machine. */
export function meshesFolder(): string {
  if (!isRootless()) return systemFolder;
  const uid = String(process.getuid?.());
  const runtime = process.env.XDG_RUNTIME_DIR ?? `/run/user/${uid}`;
  if (path.isAbsolute(runtime) && runtime.length <= longestFolder && isOwn(runtime))
    return path.join(runtime, 'meshmock');
  return path.join(tmpdir().length <= longestFolder ? tmpdir() : '/tmp', `meshmock-${uid}`);
}

/** Returns the folder of a mesh. */
export function folderOf(mesh: string): string {
  return path.join(meshesFolder(), mesh);
}

/** Returns the folder of a mesh as its own programs see it. */
export function innerFolderOf(mesh: string): string {
  return path.join(systemFolder, mesh);
}

/** Returns the folder of a running mesh: that of this user, or of root if this user has none of this name. */
export function runningFolderOf(mesh: string): string {
  const own = folderOf(mesh);
  // Another user who has made the folder could answer in place of a mesh.
  if (!isOwn(meshesFolder())) return innerFolderOf(mesh);
  return !existsSync(own) && existsSync(innerFolderOf(mesh)) ? innerFolderOf(mesh) : own;
}

/**
 * Creates the folder of all meshes of this user.
 *
 * @throws MeshmockError `machine` if another user has made it, even as a link to a folder of this user: old folders in it
 * are removed
 */
export function createMeshesFolder(folder = meshesFolder()): void {
  mkdirSync(folder, { recursive: true, mode: isRootless() ? 0o700 : 0o755 });
  if (!isOwn(folder))
    throw new MeshmockError('machine', `${folder} belongs to another user: remove it, or set XDG_RUNTIME_DIR`);
}

/** Reports whether a path is a folder of this user. A link is not: another user may have made it in a shared folder. */
function isOwn(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.getuid?.();
}
