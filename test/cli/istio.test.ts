import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runProgram } from '../program.ts';

describe('meshmock istio', () => {
  it('refuses a file without its flag, which would start the demo or be left out', async () => {
    for (const args of [
      ['up', 'bookinfo.yaml'],
      ['apply', '-f', 'one.yaml', 'bookinfo.yaml'],
    ]) {
      const { code, stderr } = await runProgram(['istio', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /unexpected argument "bookinfo\.yaml"; each file needs its own flag \(-f bookinfo\.yaml\)/);
    }
  });

  it('refuses a word after a command that takes none', async () => {
    const { code, stderr } = await runProgram(['istio', 'down', 'other']);
    assert.equal(code, 2);
    assert.match(stderr, /unexpected argument "other"$/m);
  });

  it('refuses a name of a mesh that is too long for the path of a socket', async () => {
    for (const command of ['up', 'apply', 'status', 'down']) {
      const { code, stderr } = await runProgram(['istio', command, '--mesh', 'm'.repeat(64)]);
      assert.equal(stderr, 'meshmock: --mesh: the name of a mesh has at most 63 letters, and this has 64\n');
      assert.equal(code, 2);
    }
  });
});
