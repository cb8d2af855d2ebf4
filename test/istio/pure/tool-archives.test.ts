import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const scripts = path.join(import.meta.dirname, '../../../src/istio/tools');

describe('ready-made tools', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-archives-'));
  const archives = path.join(folder, 'archives');
  const script = path.join(folder, 'install.sh');
  let server: Server;
  let base = '';
  let checksum = '';

  /** Returns the environment of a script, with an empty cache and without a proxy. */
  const envOf = (cache: string, url?: string): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    HOME: folder,
    MESHMOCK_TOOLS: path.join(folder, cache),
    TOOLS: 'one two',
    ...(url === undefined ? {} : { MESHMOCK_TOOLS_URL: url }),
  });
  const install = (cache: string, url: string, ...tools: string[]) =>
    run(script, tools, { env: envOf(cache, url), timeout: 60_000 });

  before(async () => {
    writeFileSync(
      script,
      `#!/usr/bin/env bash
set -euo pipefail
. ${scripts}/cache.sh
one_key=1 one_needs=sh two_key=2 two_needs=sh three_key=3 three_needs=no-such-program four_key=4 four_needs=sh
build_one() { echo "one, built" > "$1/program" && chmod 755 "$1/program"; }
build_two() { mkdir "$1/inner" && echo two > "$1/inner/file"; }
build_four() { echo four > "$1/file"; }
get_tools "$@"
`,
      { mode: 0o755 },
    );
    const make = () => run(path.join(scripts, 'make-archives.sh'), [archives, script], { env: envOf('built') });
    const { stdout } = await make();
    checksum = /#sha256=([0-9a-f]{64})$/m.exec(stdout)?.[1] ?? '';
    assert.equal((await make()).stdout, stdout, 'the same tools make the same archives');
    server = createServer((request, response) => {
      const file = path.join(archives, path.basename(request.url ?? ''));
      if (existsSync(file)) response.end(readFileSync(file));
      else response.writeHead(404).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('are fetched, and are the same as those that were built', async () => {
    const { stdout, stderr } = await install('fetched', `${base}#sha256=${checksum}`, 'one', 'two');
    assert.equal(stdout, `one=${folder}/fetched/one-1\ntwo=${folder}/fetched/two-2\n`);
    assert.match(stderr, /^fetching one-1-linux-\w+\.tar\.gz\nfetching two-2-linux-\w+\.tar\.gz\n$/);
    assert.equal(readFileSync(path.join(folder, 'fetched/one-1/program'), 'utf8'), 'one, built\n');
    assert.equal(statSync(path.join(folder, 'fetched/one-1/program')).mode & 0o777, 0o755);
    assert.equal(readFileSync(path.join(folder, 'fetched/two-2/inner/file'), 'utf8'), 'two\n');
    assert.deepEqual(readdirSync(path.join(folder, 'fetched')).toSorted(), ['.lock', 'one-1', 'two-2']);
  });

  it('are built if the folder does not have this version', async () => {
    const { stderr } = await install('mixed', `${base}#sha256=${checksum}`, 'one', 'four');
    assert.match(stderr, /has no four-4-linux-\w+\.tar\.gz: four is built/);
    assert.ok(existsSync(path.join(folder, 'mixed/four-4/file')));
  });

  for (const { problem, url, tool = 'one', message } of [
    {
      problem: 'a list with another checksum',
      url: () => `${base}#sha256=${'0'.repeat(64)}`,
      message: /SHA256SUMS has the checksum [0-9a-f]{64}, and not 0{64}/,
    },
    { problem: 'no checksum', url: () => base, message: /MESHMOCK_TOOLS_URL has no checksum: add #sha256=/ },
    {
      problem: 'a server that does not answer',
      url: () => `http://127.0.0.1:1#sha256=${checksum}`,
      message: /127\.0\.0\.1:1\/SHA256SUMS could not be fetched/,
    },
    {
      problem: 'neither an archive nor a program to build it',
      url: () => `${base}#sha256=${checksum}`,
      tool: 'three',
      message: /three needs/,
    },
  ])
    it(`are refused with ${problem}`, async () => {
      await assert.rejects(install('refused', url(), tool), message);
      assert.ok(!existsSync(path.join(folder, 'refused/one-1')));
    });

  it('are refused if an archive was changed', async () => {
    const [name = ''] = readdirSync(archives).filter((one) => one.startsWith('one-'));
    const file = path.join(archives, name);
    const content = readFileSync(file);
    writeFileSync(file, 'changed');
    try {
      await assert.rejects(
        install('changed', `${base}#sha256=${checksum}`, 'one'),
        /one-1-linux-\w+\.tar\.gz has the checksum/,
      );
      assert.ok(!existsSync(path.join(folder, 'changed/one-1')));
    } finally {
      writeFileSync(file, content);
    }
  });
});
