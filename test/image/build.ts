import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Bases, makeBases, makeDebianBase } from './bases.ts';
import { type Containers, openContainers } from './containers.ts';

const run = promisify(execFile);

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Image in an archive. */
export interface BuiltImage {
  /** Path of a tar as `docker save` writes it, for `podman load` and `ctr images import`. */
  readonly archive: string;
  readonly name: string;
  /** Hash of everything that the image is built from. It is the revision of the image. */
  readonly key: string;
}

/** Time in the labels of images that this process builds. */
const created = new Date().toISOString();

/** Source in the labels of images that tests build. */
export const testSource = 'https://example.com/meshmock';

/**
 * Builds the Dockerfile, once for each content of the checkout. The archive stays in the cache of the tools.
 *
 * @param name name with a tag; without a host it gets the default host in the archive, as in a manifest
 */
export async function buildImage(name = 'meshmock:test'): Promise<BuiltImage> {
  const key = imageKey(name);
  const cache = imageCache();
  const archive = path.join(cache, `${key}.tar`);
  if (!existsSync(archive)) {
    await using containers = openContainers();
    const built = path.join(containers.folder, 'image.tar');
    await build(containers, name, key, await makeBases(containers), [checkout]);
    await containers.buildah('push', '--quiet', name, `docker-archive:${built}:${name}`);
    await run('cp', [built, `${archive}.${process.pid}`]);
    renameSync(`${archive}.${process.pid}`, archive);
  }
  return { archive, name, key };
}

/** Returns the folder for archives of images in the cache of the tools, without old archives. */
function imageCache(): string {
  const cache = path.join(
    process.env.MESHMOCK_TOOLS ?? path.join(process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`, 'meshmock/tools'),
    'images',
  );
  mkdirSync(cache, { recursive: true });
  dropOld(cache);
  return cache;
}

/** Builds the image of the local mesh from a build context. Layers of earlier builds are used again. */
export type BuildMeshImage = (name: string, context?: string) => Promise<void>;

/** Prepares the builds of the image of the local mesh as docs/containers.md says, from the tools of this machine. */
export async function prepareMeshImage(containers: Containers): Promise<BuildMeshImage> {
  const meshBase = await makeDebianBase(containers, imageCache());
  const tools = path.join(containers.folder, 'mesh-tools');
  await run(path.join(checkout, 'build/mesh-tools.sh'), [tools]);
  const bases = await makeBases(containers);
  const settings = [
    ...['--layers', '--target', 'mesh', '--build-context', `mesh-tools=${tools}`],
    ...['--build-arg', `MESH_BASE=${meshBase}`],
  ];
  return (name, context = checkout) => build(containers, name, 'test', bases, [...settings, context]);
}

/** Copies the build context of the Dockerfile into a folder. */
export function copyContext(folder: string): void {
  for (const entry of ['Dockerfile', '.dockerignore', ...contextEntries()])
    cpSync(path.join(checkout, entry), path.join(folder, entry), { recursive: true });
}

/** @param more further arguments, the last of which is the build context */
async function build(
  containers: Containers,
  name: string,
  key: string,
  { base, buildBase }: Bases,
  more: readonly string[],
): Promise<void> {
  const { version } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')) as { version: string };
  const args = {
    BASE: base,
    BUILD_BASE: buildBase,
    SOURCE: testSource,
    VERSION: version,
    REVISION: key,
    CREATED: created,
  };
  await containers.buildah(
    'build',
    '--quiet',
    '--isolation=chroot',
    '--network=host',
    ...(await npmSettings(containers)),
    ...Object.entries(args).flatMap(([arg, value]) => ['--build-arg', `${arg}=${value}`]),
    ...['--tag', name],
    ...more,
  );
}

/** Returns arguments that give the build this machine's settings of npm, and neither the image nor the checkout. */
async function npmSettings({ folder }: Containers): Promise<string[]> {
  const setting = async (name: string): Promise<string> => (await run('npm', ['config', 'get', name])).stdout.trim();
  const files = [await setting('globalconfig'), await setting('userconfig')].filter((file) => existsSync(file));
  const settings = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  // npm does not print this setting.
  const authorities = /^cafile\s*=\s*"?([^"\n]+)/m.exec(settings)?.[1] ?? process.env.NODE_EXTRA_CA_CERTS;
  const npmrc = path.join(folder, 'npmrc');
  writeFileSync(npmrc, authorities === undefined ? settings : `${settings}\ncafile=${authorities}\n`, { mode: 0o600 });
  const volume = authorities === undefined ? [] : ['--volume', `${authorities}:${authorities}:ro`];
  return ['--secret', `id=npmrc,src=${npmrc}`, ...volume];
}

/** Returns a hash of the build context, of the sources of the base images, and of the name. */
function imageKey(name: string): string {
  // Only the image of the local mesh has the labs.
  const allowed = contextEntries().filter((entry) => entry !== 'istio');
  const files = ['Dockerfile', '.dockerignore', 'test/image/bases.ts', 'test/image/build.ts', ...allowed].flatMap(
    filesOf,
  );
  const hash = createHash('sha256').update(`${name} ${process.version}`);
  for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(path.join(checkout, file)));
  return hash.digest('hex').slice(0, 16);
}

/** Returns the files and folders of the build context. */
function contextEntries(): string[] {
  return readFileSync(path.join(checkout, '.dockerignore'), 'utf8').match(/(?<=^!).+/gm) ?? [];
}

function filesOf(entry: string): string[] {
  if (statSync(path.join(checkout, entry)).isFile()) return [entry];
  const found = readdirSync(path.join(checkout, entry), { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile())
    .map((file) => path.relative(checkout, path.join(file.parentPath, file.name)))
    .sort();
}

const maxAgeMs = 24 * 60 * 60 * 1000;

/** Removes archives of earlier commits. Each archive is as large as Node. */
function dropOld(cache: string): void {
  for (const file of readdirSync(cache)) {
    const found = path.join(cache, file);
    if (Date.now() - statSync(found).mtimeMs > maxAgeMs) rmSync(found, { force: true });
  }
}
