import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What podman needs where limits may not be raised and no systemd runs. */
const settings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`;

/** Podman and buildah with images, containers, networks and settings of their own, in one folder. */
export interface Containers extends AsyncDisposable {
  readonly folder: string;
  /** Gives what it prints on standard output. Rejects with what it prints on standard error. */
  podman(...args: string[]): Promise<string>;
  buildah(...args: string[]): Promise<string>;
}

/** Nothing that is made with them is left when they are disposed of. */
export function openContainers(): Containers {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-image-'));
  const of = (name: string): string => {
    const inside = path.join(folder, name);
    mkdirSync(inside);
    return inside;
  };
  const config = path.join(folder, 'containers.conf');
  writeFileSync(config, settings);
  const places = ['--root', of('root'), '--runroot', of('runroot')];
  const networks = ['--network-config-dir', of('networks'), '--tmpdir', of('tmp')];
  const env = { ...process.env, CONTAINERS_CONF: config, TMPDIR: folder };
  const program =
    (name: string, common: readonly string[]) =>
    async (...args: string[]): Promise<string> => {
      const { stdout } = await run(name, [...common, ...args], { env, maxBuffer: 64 * 1024 * 1024 }).catch(explain);
      return stdout.trim();
    };
  const podman = program('podman', [...places, ...networks]);
  return {
    folder,
    podman,
    buildah: program('buildah', places),
    async [Symbol.asyncDispose]() {
      // Containers take their iptables rules with them, networks their bridges.
      await podman('rm', '--all', '--force', '--time', '0');
      await podman('network', 'prune', '--force');
      await removeChains();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What `.ci/run` installs. */
const packages = 'podman buildah runc netavark aardvark-dns catatonit';

function explain(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ENOENT') throw error;
  throw new Error(`${error.path} is missing: on Debian, apt-get install ${packages}`, { cause: error });
}

/** Netavark leaves its chains, and the rules that jump to them; of others that run containers now, they have rules. */
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
