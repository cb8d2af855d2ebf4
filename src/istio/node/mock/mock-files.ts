import path from 'node:path';
import { serveSchema } from '../../../serve/settings/serve-schema.ts';
import type { Container, PodSpec, Volume } from '../../resources/objects.ts';

/** Reports whether the values of a setting are paths of files. */
export function isFileSetting(name: string): boolean {
  return Object.entries(serveSchema).some(([known, option]) => known === name && 'isPath' in option);
}

/**
 * Returns the part of a container that has a file: its mount of a ConfigMap, of a Secret, or of several of them. Returns
 * undefined for any other file, which does not exist in the local mesh.
 *
 * @param file absolute path in the container
 */
export function mountOfFile(
  { volumes = [] }: Pick<PodSpec, 'volumes'>,
  { volumeMounts = [] }: Container,
  file: string,
): NonNullable<Container['volumeMounts']>[number] | undefined {
  if (!path.posix.isAbsolute(file)) return undefined;
  const normal = path.posix.normalize(file);
  const holding = volumeMounts.filter(({ mountPath }) => {
    const folder = folderOf(mountPath);
    return normal === folder || normal.startsWith(`${folder}/`);
  });
  // A mount inside another one hides the files of that.
  const [mount] = holding.toSorted((one, other) => folderOf(other.mountPath).length - folderOf(one.mountPath).length);
  const volume = volumes.find(({ name }) => name === mount?.name);
  return mount?.subPath === undefined && volume !== undefined && hasFiles(volume) ? mount : undefined;
}

function folderOf(mountPath: string): string {
  return path.posix.normalize(mountPath).replace(/\/$/, '');
}

/** Reports whether the local mesh can write the files of a volume. */
function hasFiles({ configMap, secret, projected }: Volume): boolean {
  return configMap !== undefined || secret !== undefined || projected !== undefined;
}
