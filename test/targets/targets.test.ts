import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const inside = path.join(import.meta.dirname, 'inside');
const setUp = path.join(inside, 'set-up.sh');

/** Root has namespaces at once; others have them in a user namespace, if the machine allows it. */
const unshare = [...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']), '--net', '--mount'];
const hasNamespaces = spawnSync('unshare', [...unshare, 'ip', 'link', 'set', 'lo', 'up']).status === 0;
const skip = hasNamespaces ? false : 'needs Linux, ip, unshare, and root or user namespaces';

for (const [file, claim] of [
  ['blocked.ts', 'no notation, name, redirect or new address of a name reaches a metadata service'],
  ['silent-names.ts', 'names without an answer do not stop calls to other names'],
] as const) {
  test(`in a separate network, ${claim}`, { skip }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const command = ['sh', setUp, process.execPath, '--test', '--test-reporter=spec', path.join(inside, file)];
    const child = spawn('unshare', [...unshare, '--pid', '--fork', '--mount-proc', '--kill-child', ...command], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 0, (await output).join(''));
  });
}
