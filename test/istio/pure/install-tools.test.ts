import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
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
get_tools "$@"
`,
    );
    await mkdir(path.join(folder, 'cache/ready-1'), { recursive: true });
  });
  after(() => rm(folder, { recursive: true }));

  const install = async (...tools: readonly string[]): Promise<string[]> => {
    const env = { ...process.env, MESHMOCK_TOOLS: path.join(folder, 'cache') };
    const { stdout, stderr } = await promisify(execFile)('bash', [script, ...tools], { env, timeout: 10_000 });
    return [stdout.trim(), stderr.trim()];
  };

  it('installs a tool once', async () => {
    const other = `other=${folder}/cache/other-2`;
    const [printed, progress] = await install('ready', 'other');
    assert.equal(printed, `ready=${folder}/cache/ready-1\n${other}`);
    assert.match(progress ?? '', /^installing other 2 into .* \(first time only\)\ninstalled other in \d s$/);
    assert.deepEqual(await install('other'), [other, '']);
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
});
