import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const cacheFunctions = fileURLToPath(new URL('../../../src/istio/tools/cache.sh', import.meta.url));

describe('the script that installs tools', () => {
  let folder: string;
  let script: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'meshmock-tools-'));
    script = path.join(folder, 'install.sh');
    await writeFile(
      script,
      `set -euo pipefail
. ${cacheFunctions}
ready_key=1 ready_needs=sh other_key=2 other_needs=sh
build_other() { echo done > "$1/other"; }
caching_key=1 caching_needs=sh
build_caching() {
  mkdir -p "$GOMODCACHE/module" && chmod a-w "$GOMODCACHE/module"
  echo "$GOMODCACHE $GOCACHE $GOPATH $(dirname "$(mktemp)") $PIP_NO_CACHE_DIR" > "$1/caches"
}
failing_key=1 failing_needs=sh
build_failing() { mkdir -p "$GOCACHE" && fail 'it has failed'; }
large_key=1 large_needs=sh large_mb=900000000
build_large() { echo never; }
get_tools "$@"
`,
    );
    await mkdir(path.join(folder, 'cache/ready-1'), { recursive: true });
  });
  after(() => rm(folder, { recursive: true }));

  const install = async (...tools: readonly string[]): Promise<string[]> => {
    const { GOCACHE: _build, GOMODCACHE: _modules, GOPATH: _path, ...others } = process.env;
    const env = { ...others, MESHMOCK_TOOLS: path.join(folder, 'cache') };
    const { stdout, stderr } = await promisify(execFile)('bash', [script, ...tools], { env, timeout: 60_000 });
    return [stdout.trim(), stderr.trim()];
  };

  it('installs a tool once', async () => {
    const other = `other=${folder}/cache/other-2`;
    const [printed, progress] = await install('ready', 'other');
    assert.equal(printed, `ready=${folder}/cache/ready-1\n${other}`);
    assert.match(
      progress ?? '',
      /^installing other into .* \(first time only\): 20 MB of disk until it is done, then 10 MB; about 10 s on two processors\ninstalling other 2\ninstalled other in \d+ s$/,
    );
    assert.deepEqual(await install('other'), [other, '']);
  });

  it('uses the cache of the user who calls sudo, and that of root for a user that the machine does not know', async () => {
    const bin = path.join(folder, 'bin');
    await mkdir(bin);
    const command = async (name: string, body: string): Promise<void> =>
      writeFile(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    await command('id', 'echo 0');
    await command('getent', '[ "$2" = 1000 ] && echo "jane:x:1000:1000::/home/jane:/bin/sh"');
    const cacheUnderSudo = async (SUDO_UID: string): Promise<string> => {
      const script = `set -euo pipefail; . ${cacheFunctions}; echo "$cache $cache_user"`;
      const env = { PATH: `${bin}:${process.env.PATH}`, HOME: '/root', SUDO_UID };
      return (await promisify(execFile)('bash', ['-c', script], { env })).stdout.trim();
    };
    assert.equal(await cacheUnderSudo('1000'), '/home/jane/.cache/meshmock/tools 1000:1000');
    assert.equal(await cacheUnderSudo('4242'), '/root/.cache/meshmock/tools');
  });

  it('does not wait for another process that installs other tools', async () => {
    const holder = spawn('flock', [path.join(folder, 'cache/.lock'), 'sh', '-c', 'echo held; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      await once(holder.stdout, 'data');
      assert.deepEqual(await install('ready'), [`ready=${folder}/cache/ready-1`, '']);
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
  });

  it('gives compilers caches and a folder of temporary files of their own, and removes them afterwards', async () => {
    const cache = path.join(folder, 'cache');
    const [printed] = await install('caching');
    assert.equal(printed, `caching=${cache}/caching-1`);
    const build = path.join(cache, '.build');
    const kept = await readFile(path.join(cache, 'caching-1/caches'), 'utf8');
    assert.equal(kept, `${build}/modules ${build}/build ${build}/go ${build}/temporary 1\n`);
    await assert.rejects(access(path.join(cache, '.build')), { code: 'ENOENT' });
  });

  it('removes these caches when a build fails, and says what failed', async () => {
    await assert.rejects(install('failing'), /it has failed/);
    await assert.rejects(access(path.join(folder, 'cache/.build')), { code: 'ENOENT' });
  });

  it('does not begin without the disk that it needs', async () => {
    await assert.rejects(
      install('large'),
      /MB of free disk, and 900000010 MB are needed: make room, or set MESHMOCK_TOOLS/,
    );
  });
});
