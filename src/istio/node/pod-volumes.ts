import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Container, Volume, VolumeSource } from '../resources/objects.ts';
import { type PodWithAddress, podField } from './pod-fields.ts';

/** Sources of the files in volumes. */
export interface VolumeSources {
  /** Returns the files of a ConfigMap or Secret in the pod's namespace, or undefined if it does not exist. */
  files(kind: 'ConfigMap' | 'Secret', name: string): Readonly<Record<string, string | Buffer>> | undefined;
  /** Returns a token of the pod's service account. */
  token(audience: string | undefined, expirationSeconds: number): Promise<string>;
}

/** Volumes of a container, as files below a folder. */
export interface VolumeOptions {
  readonly pod: PodWithAddress;
  readonly container: Container;
  /** Folder that has the role of the container's root. */
  readonly root: string;
  /** User that owns the files. */
  readonly uid: number;
}

/**
 * Returns the ConfigMaps and Secrets that a container's volumes need and that do not exist, as `KIND NAME`.
 */
export function missingVolumeSources(
  { pod, container }: Pick<VolumeOptions, 'pod' | 'container'>,
  sources: VolumeSources,
): string[] {
  return mountedVolumes(pod, container).flatMap(({ volume }) =>
    referencesOf(volume)
      .filter(({ optional, kind, name }) => !optional && sources.files(kind, name) === undefined)
      .map(({ kind, name }) => `${kind} ${name}`),
  );
}

/** Returns a text that changes with the contents of the ConfigMaps and Secrets that a container's volumes need. */
export function contentsOfVolumes(
  { pod, container }: Pick<VolumeOptions, 'pod' | 'container'>,
  sources: VolumeSources,
): string {
  return JSON.stringify(
    mountedVolumes(pod, container).flatMap(({ volume }) =>
      referencesOf(volume).map(({ kind, name }) => [kind, name, sources.files(kind, name)]),
    ),
  );
}

/**
 * Writes the files of a container's volumes: of ConfigMaps, Secrets, the downward API and tokens. Volumes of other kinds
 * become empty folders.
 */
export async function writeVolumes(options: VolumeOptions, sources: VolumeSources): Promise<void> {
  const { pod, container, root, uid } = options;
  for (const { volume, mountPath } of mountedVolumes(pod, container)) {
    const folder = path.join(root, mountPath);
    await mkdir(folder, { recursive: true });
    const files = await filesOf(volume, pod, sources);
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
      await chmod(file, 0o600);
      await chown(file, uid, uid);
    }
  }
  await own(root, container, uid);
}

/** Gives the folders of all mounts to the container's user. */
async function own(root: string, { volumeMounts = [] }: Container, uid: number): Promise<void> {
  await chown(root, uid, uid);
  for (const { mountPath } of volumeMounts) {
    let folder = root;
    for (const part of mountPath.split('/').filter((one) => one !== '')) {
      folder = path.join(folder, part);
      await chown(folder, uid, uid);
    }
  }
}

function mountedVolumes(
  { plan }: PodWithAddress,
  { volumeMounts = [] }: Container,
): { readonly volume: Volume; readonly mountPath: string }[] {
  return volumeMounts.flatMap(({ name, mountPath }) => {
    const volume = plan.spec.volumes?.find((one) => one.name === name);
    return volume === undefined ? [] : [{ volume, mountPath }];
  });
}

interface SourceReference {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly name: string;
  readonly optional: boolean;
}

function referencesOf(volume: Volume): SourceReference[] {
  const sources: readonly VolumeSource[] = [volume, ...(volume.projected?.sources ?? [])];
  return sources.flatMap(({ configMap, secret }): SourceReference[] => [
    ...(configMap === undefined ? [] : [{ kind: 'ConfigMap' as const, ...named(configMap) }]),
    ...(secret === undefined ? [] : [{ kind: 'Secret' as const, ...named(secret) }]),
  ]);
}

function named(source: NonNullable<VolumeSource['secret']>): { readonly name: string; readonly optional: boolean } {
  return { name: source.name ?? source.secretName ?? '', optional: source.optional === true };
}

type Files = Readonly<Record<string, string | Buffer>>;

async function filesOf(volume: Volume, pod: PodWithAddress, sources: VolumeSources): Promise<Files> {
  const parts = await Promise.all(
    [volume, ...(volume.projected?.sources ?? [])].map((source) => filesOfSource(source, pod, sources)),
  );
  return Object.assign({}, ...parts) as Files;
}

async function filesOfSource(source: VolumeSource, pod: PodWithAddress, sources: VolumeSources): Promise<Files> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) return selected(sources.files('ConfigMap', named(configMap).name), configMap.items);
  if (secret !== undefined) return selected(sources.files('Secret', named(secret).name), secret.items);
  if (downwardAPI !== undefined)
    return Object.fromEntries(
      (downwardAPI.items ?? []).map(({ path: file, fieldRef }) => [
        file,
        fieldRef === undefined ? '' : (podField(pod, fieldRef.fieldPath) ?? ''),
      ]),
    );
  if (serviceAccountToken === undefined) return {};
  const { audience, expirationSeconds = 3600, path: file } = serviceAccountToken;
  return { [file]: await sources.token(audience, expirationSeconds) };
}

function selected(
  files: Files | undefined,
  items: readonly { readonly key: string; readonly path: string }[] | undefined,
): Files {
  if (files === undefined) return {};
  if (items === undefined) return files;
  return Object.fromEntries(
    items.flatMap(({ key, path: file }) => {
      const content = files[key];
      return content === undefined ? [] : [[file, content] as const];
    }),
  );
}
