import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { startProgram } from '../program.ts';

const cache = mkdtempSync(path.join(tmpdir(), 'meshmock-cache-'));
after(() => rmSync(cache, { recursive: true }));

/** Runs `meshmock istio tools` with this cache. */
async function tools(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using program = startProgram(['istio', 'tools', ...args], { MESHMOCK_TOOLS: cache });
  const code = await program.exited();
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Adds a tool of a megabyte to the cache. */
function addTool(name: string): void {
  mkdirSync(path.join(cache, name), { recursive: true });
  writeFileSync(path.join(cache, name, 'program'), Buffer.alloc(1_048_576));
}

test('meshmock istio tools lists the cache, and removes what no mesh of this version uses', async () => {
  const empty = await tools();
  const [, envoy = ''] = /^envoy (\S+) +not installed$/m.exec(empty.stdout) ?? [];
  assert.ok(envoy, empty.stdout);
  addTool(`envoy-${envoy}`);
  addTool('envoy-0.9');
  addTool('.build/modules');
  // Go makes its modules read-only. Tests have other tools.
  chmodSync(path.join(cache, '.build/modules'), 0o555);
  addTool('kubectl-1');
  const listed = await tools('--list');
  assert.match(listed.stdout, new RegExp(`^envoy ${envoy} +1 MB$`, 'm'));
  assert.match(listed.stdout, /^1 MB in \S+\n2 MB of other versions: "meshmock istio tools clean" removes them$/m);
  assert.equal((await tools('path')).stdout, `${cache}\n`);
  assert.match((await tools('clean')).stdout, /^removed 2 MB from /);
  assert.ok(!existsSync(path.join(cache, 'envoy-0.9')) && !existsSync(path.join(cache, '.build')));
  assert.ok(existsSync(path.join(cache, `envoy-${envoy}`)) && existsSync(path.join(cache, 'kubectl-1')));
  assert.match((await tools('clean', '--all')).stdout, /^removed 1 MB from /);
  assert.ok(!existsSync(path.join(cache, `envoy-${envoy}`)) && existsSync(path.join(cache, 'kubectl-1')));
});

test('meshmock istio tools clean leaves an installation alone that is not done', async () => {
  addTool('istio-2.new');
  const installer = spawn('flock', [path.join(cache, '.lock'), 'sh', '-c', 'echo held; cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(installer.stdout, 'data');
    const { code, stderr } = await tools('clean');
    assert.equal(code, 2);
    assert.match(stderr, /another meshmock is installing tools into \S+: wait until it has ended/);
    assert.ok(existsSync(path.join(cache, 'istio-2.new')));
  } finally {
    installer.stdin.end();
    await once(installer, 'exit');
  }
  assert.match((await tools('clean')).stdout, /^removed 1 MB from /);
});

for (const { args, error } of [
  { args: ['lst'], error: /unknown action "lst" of tools; did you mean "list"\?/ },
  { args: ['list', '--all'], error: /--all belongs to "clean"/ },
  { args: ['clean', 'envoy'], error: /unexpected argument "envoy"/ },
])
  test(`meshmock istio tools ${args.join(' ')} is an error of usage`, async () => {
    const { code, stderr } = await tools(...args);
    assert.equal(code, 2);
    assert.match(stderr, error);
  });
