import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Settings of podman for a machine without systemd, where limits cannot be raised. */
const settings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`;

/** Podman and buildah, whose images, containers, networks and settings are in one folder. */
export interface Containers extends AsyncDisposable {
  readonly folder: string;
  /** Runs podman, and returns its standard output. Rejects with its standard error. */
  podman(...args: string[]): Promise<string>;
  buildah(...args: string[]): Promise<string>;
  /** Writes a program that runs podman with these images, such as `docker`. */
  writeProgram(file: string): void;
}

/** Prepares podman and buildah. Disposing removes everything that they made. */
export function openContainers(): Containers {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-image-'));
  const makeFolder = (name: string): string => {
    const inside = path.join(folder, name);
    mkdirSync(inside);
    return inside;
  };
  const config = path.join(folder, 'containers.conf');
  writeFileSync(config, settings);
  const places = ['--root', makeFolder('root'), '--runroot', makeFolder('runroot')];
  const networks = ['--network-config-dir', makeFolder('networks'), '--tmpdir', makeFolder('tmp')];
  // Tests pull nothing.
  const registries = path.join(folder, 'registries.conf');
  writeFileSync(registries, '[[registry]]\nlocation = "ghcr.io"\nblocked = true\n');
  const variables = { CONTAINERS_CONF: config, CONTAINERS_REGISTRIES_CONF: registries, TMPDIR: folder };
  const env = { ...process.env, ...variables };
  const program =
    (name: string, common: readonly string[]) =>
    async (...args: string[]): Promise<string> => {
      const { stdout } = await run(name, [...common, ...args], { env, maxBuffer: 64 * 1024 * 1024 }).catch(explain);
      return stdout.trim();
    };
  const podman = program('podman', [...places, ...networks]);
  const buildah = program('buildah', places);
  return {
    folder,
    podman,
    buildah,
    writeProgram(file) {
      const words = ['podman', ...places, ...networks].map((word) => `'${word}'`).join(' ');
      const exports = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
      writeFileSync(file, `#!/bin/sh\n${exports.join('')}exec ${words} "$@"\n`, { mode: 0o755 });
    },
    async [Symbol.asyncDispose]() {
      // This also removes the iptables rules of containers and the bridges of networks.
      await podman('rm', '--all', '--force', '--time', '0');
      await podman('network', 'prune', '--force');
      // A build that failed leaves its container mounted.
      await buildah('rm', '--all');
      await removeChains();
      // The storage is mounted on itself while a program uses it. On a busy machine the mount can stay.
      await run('umount', ['--recursive', path.join(folder, 'root/overlay')]).catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian packages that `.ci/run` installs. */
const packages = 'podman buildah runc netavark aardvark-dns catatonit';

function explain(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ENOENT') throw error;
  throw new Error(`${error.path} is missing: on Debian, apt-get install ${packages}`, { cause: error });
}

/** Removes chains that netavark leaves, and rules that jump to them, unless other containers still have rules. */
async function removeChains(): Promise<void> {
  const { stdout: rules } = await run('iptables-save');
  if (/^-A NETAVARK(?:_FORWARD|-HOSTPORT-DNAT|-[0-9A-F]+) /m.test(rules)) return;
  for (const [table = '', ...lines] of rules
    .split(/^\*/m)
    .slice(1)
    .map((part) => part.split('\n'))) {
    for (const line of lines.filter((each) => /^-A .*NETAVARK/.test(each)))
      await run('iptables', ['-t', table, '-D', ...wordsOf(line).slice(1)]);
    for (const line of lines.filter((each) => each.startsWith(':NETAVARK')))
      await run('iptables', ['-t', table, '-X', line.slice(1).split(' ', 1).join('')]);
  }
}

function wordsOf(line: string): string[] {
  return (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));
}
