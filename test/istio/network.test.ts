import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';

const tests = path.join(import.meta.dirname, 'network/node-network.test.ts');

it('the network of a node holds in namespaces that only its tests use', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const inside = 'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec "$@"';
  const unshare = spawn(
    'unshare',
    [
      ...['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', inside, 'sh'],
      ...[process.execPath, '--test', '--test-reporter=spec', tests],
    ],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const output = Promise.all([text(unshare.stdout), text(unshare.stderr)]);
  const [code] = (await once(unshare, 'close')) as [number | null];
  assert.equal(code, 0, (await output).join(''));
});
