import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runProgram } from '../program.ts';

describe('meshmock istio', () => {
  it('refuses a file without its flag, where the demo would come up or only a part be applied', async () => {
    for (const args of [
      ['up', 'bookinfo.yaml'],
      ['apply', '-f', 'one.yaml', 'bookinfo.yaml'],
    ]) {
      const { code, stderr } = await runProgram(['istio', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /unexpected argument "bookinfo\.yaml"; each file needs its own flag \(-f bookinfo\.yaml\)/);
    }
  });

  it('refuses a word behind a command that takes none', async () => {
    const { code, stderr } = await runProgram(['istio', 'down', 'other']);
    assert.equal(code, 2);
    assert.match(stderr, /unexpected argument "other"$/m);
  });
});
