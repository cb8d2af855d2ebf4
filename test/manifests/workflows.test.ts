import assert from 'node:assert/strict';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { manifestTools, printed, root, temporaryFolder } from './tools.ts';

const { actionlint } = await manifestTools();
const folder = temporaryFolder();
after(() => rmSync(folder, { recursive: true }));

/** Disables optional programs that this machine may not have. */
const withoutPrograms = ['-shellcheck=', '-pyflakes='];
const workflows = globSync('.github/workflows/*.yaml', { cwd: root }).map((file) => path.join(root, file));

describe('actionlint', () => {
  it('finds no problem in our workflows', async () => {
    assert.ok(workflows.length > 0);
    await printed(actionlint(...withoutPrograms, ...workflows));
  });

  it('finds a mistake in each of them', async () => {
    for (const file of workflows) {
      const copy = path.join(folder, path.basename(file));
      writeFileSync(copy, readFileSync(file, 'utf8').replace('runs-on:', 'run-on:'));
      const { code, stdout } = await actionlint(...withoutPrograms, copy);
      assert.equal(code, 1);
      assert.match(stdout, /unexpected key "run-on"/);
    }
  });
});
