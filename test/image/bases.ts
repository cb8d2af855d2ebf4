import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Containers } from './containers.ts';

const run = promisify(execFile);

/** Programs that the build stage calls, besides node and npm. */
const buildPrograms = ['sh', 'env', 'find', 'chmod'];

/** Names of the base images. */
export interface Bases {
  readonly base: string;
  readonly buildBase: string;
}

/** Makes the two base images of the Dockerfile from programs of this machine, because images cannot be pulled. */
export async function makeBases(containers: Containers): Promise<Bases> {
  const base = 'localhost/base:test';
  const root = path.join(containers.folder, 'base');
  const bin = path.join(root, 'usr/local/bin');
  mkdirSync(bin, { recursive: true });
  cpSync(process.execPath, path.join(bin, 'node'));
  await copyLibraries([process.execPath], root);
  await buildOf(containers, root, base, ['FROM scratch', 'COPY . /', 'ENV PATH=/usr/local/bin:/usr/bin:/bin']);

  const buildBase = 'localhost/build-base:test';
  const buildRoot = path.join(containers.folder, 'build-base');
  const buildBin = path.join(buildRoot, 'bin');
  mkdirSync(buildBin, { recursive: true });
  const { stdout } = await run('which', buildPrograms);
  const programs = stdout.trim().split('\n');
  for (const program of programs) cpSync(realpathSync(program), path.join(buildBin, path.basename(program)));
  // Scripts look for env there.
  mkdirSync(path.join(buildRoot, 'usr/bin'), { recursive: true });
  symlinkSync('/bin/env', path.join(buildRoot, 'usr/bin/env'));
  await copyLibraries(programs, buildRoot);
  const npm = realpathSync((await run('which', ['npm'])).stdout.trim());
  cpSync(path.dirname(path.dirname(npm)), path.join(buildRoot, 'npm'), { recursive: true });
  symlinkSync('/npm/bin/npm-cli.js', path.join(buildBin, 'npm'));
  await buildOf(containers, buildRoot, buildBase, [`FROM ${base}`, 'COPY . /', 'ENV HOME=/root']);
  return { base, buildBase };
}

/**
 * Makes a base image of Debian with Node.js, for the image of the local mesh.
 *
 * @param cache folder that keeps the files of Debian
 */
export async function makeDebianBase(containers: Containers, cache: string): Promise<string> {
  const name = 'localhost/debian-base:test';
  const archive = path.join(cache, 'debian-bookworm.tar');
  if (!existsSync(archive)) {
    const root = path.join(containers.folder, 'debian');
    // Node.js needs libatomic1.
    await run('debootstrap', ['--variant=minbase', '--include=libatomic1', 'bookworm', root]);
    for (const folder of ['var/lib/apt/lists', 'var/cache/apt/archives'])
      rmSync(path.join(root, folder), { recursive: true, force: true });
    await run('tar', ['--create', '--file', `${archive}.${process.pid}`, '--directory', root, '.']);
    renameSync(`${archive}.${process.pid}`, archive);
    rmSync(root, { recursive: true });
  }
  const context = path.join(containers.folder, 'debian-base');
  mkdirSync(context);
  copyFileSync(archive, path.join(context, 'debian.tar'));
  copyFileSync(process.execPath, path.join(context, 'node'));
  await buildOf(containers, context, name, [
    'FROM scratch',
    'ADD debian.tar /',
    'COPY node /usr/local/bin/',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]);
  rmSync(context, { recursive: true });
  return name;
}

/** Makes an image of a folder, without running anything in it. */
export async function buildOf(
  { buildah, folder }: Containers,
  root: string,
  name: string,
  lines: readonly string[],
): Promise<void> {
  const file = path.join(folder, 'Dockerfile');
  writeFileSync(file, `${lines.join('\n')}\n`);
  await buildah('build', '--quiet', '--file', file, '--tag', name, root);
}

async function copyLibraries(programs: readonly string[], root: string): Promise<void> {
  const { stdout } = await run('ldd', programs);
  const libraries = stdout.match(/(?<=\s)\/\S+(?= \()/g) ?? [];
  await run('cp', ['--parents', '--dereference', ...new Set(libraries), root]);
}
