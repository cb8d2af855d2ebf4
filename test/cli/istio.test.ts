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
});
