import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProgram } from '../../src/istio/process/program.ts';

/** Image with one layer and without a base image. */
export interface ScratchImage {
  /** Name with a tag, as in manifests. */
  readonly name: string;
  /** Files or folders of this machine, by their paths in the image. */
  readonly files: Readonly<Record<string, string>>;
  /** Symbolic links, by their paths in the image. */
  readonly links?: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Writes an image in the format of `docker save`, for `ctr images import`, `podman load` and `docker load`. */
export async function writeImage(image: ScratchImage, archive: string, signal: AbortSignal): Promise<void> {
  const work = await mkdtemp(`${archive}-`);
  try {
    const layer = path.join(work, 'layer.tar');
    await writeLayer(image, path.join(work, 'root'), layer, signal);
    const diffId = await sha256Of(layer);
    writeFileSync(path.join(work, 'config.json'), JSON.stringify(configOf(image, diffId)));
    const manifest = [{ Config: 'config.json', RepoTags: [image.name], Layers: ['layer.tar'] }];
    writeFileSync(path.join(work, 'manifest.json'), JSON.stringify(manifest));
    const whole = path.join(work, 'image.tar');
    await runProgram('tar', ['-C', work, '-cf', whole, 'manifest.json', 'config.json', 'layer.tar'], { signal });
    renameSync(whole, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function writeLayer(
  { files, links = {} }: ScratchImage,
  root: string,
  layer: string,
  signal: AbortSignal,
): Promise<void> {
  const inRoot = (place: string): string => {
    const target = path.join(root, place);
    mkdirSync(path.dirname(target), { recursive: true });
    return target;
  };
  mkdirSync(root);
  mkdirSync(path.join(root, 'tmp'));
  chmodSync(path.join(root, 'tmp'), 0o1777);
  for (const [place, file] of Object.entries(files))
    await cp(file, inRoot(place), { recursive: true, dereference: true });
  for (const [place, target] of Object.entries(links))
    await runProgram('ln', ['-s', target, inRoot(place)], { signal });
  await runProgram('tar', ['-C', root, '--owner=0', '--group=0', '--mode=a+rX', '-cf', layer, '.'], { signal });
}

function configOf({ entrypoint, user = '65532', env = {} }: ScratchImage, diffId: string): unknown {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: entrypoint, User: user, Env: variables },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
  };
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Returns the shared libraries of a program, each with its own path. */
export async function librariesOf(program: string, signal: AbortSignal): Promise<Record<string, string>> {
  const listed = await runProgram('ldd', [program], { signal });
  return Object.fromEntries([...listed.matchAll(/\/\S+/g)].map(([file]) => [file, file]));
}

/** Path of an image's archive, or an image for which an archive is still to be written. */
export type Image = string | ScratchImage;

/** Returns the archives of images. Missing archives are written into a folder. */
export function archivesOf(images: readonly Image[], folder: string, signal: AbortSignal): Promise<string[]> {
  return Promise.all(
    images.map(async (image, index) => {
      if (typeof image === 'string') return image;
      const archive = path.join(folder, `image-${index}.tar`);
      await writeImage(image, archive, signal);
      return archive;
    }),
  );
}

/** Image of the container that holds a pod's namespaces. */
export const pauseImage = 'localhost/pause:1';
const corednsImage = 'localhost/coredns:1';

/**
 * Returns the images that the cluster itself needs.
 *
 * @param coredns folder of their programs
 */
export function clusterImages(coredns: string): ScratchImage[] {
  return Object.entries({ pause: pauseImage, coredns: corednsImage }).map(([program, name]) => ({
    name,
    files: { [`/${program}`]: path.join(coredns, program) },
    entrypoint: [`/${program}`],
    user: '0',
  }));
}
