import assert from 'node:assert/strict';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { pageBlock } from '../repo/page-blocks.ts';
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

  it('accepts the workflow of the docs for ci/diff, with Kustomize and with Helm, and notices a wrong input in it', async () => {
    const repository = path.join(folder, 'diff');
    const file = path.join(repository, '.github/workflows/mesh.yaml');
    for (const created of [path.dirname(file), path.join(repository, 'ci/diff'), path.join(repository, '.git')])
      mkdirSync(created, { recursive: true });
    copyFileSync(path.join(root, 'ci/diff/action.yml'), path.join(repository, 'ci/diff/action.yml'));
    const workflow = pageBlock('ci.md', 'yaml', 'name: mesh diff').replace('OWNER/meshmock/ci/diff@v1', './ci/diff');
    assert.match(workflow, /uses: \.\/ci\/diff\n/);
    const helm = pageBlock('ci.md', 'yaml', 'base/chart');
    for (const text of [workflow, workflow.replace(/ {6}- name: render.*?(?= {6}- uses)/s, helm)]) {
      writeFileSync(file, text);
      await printed(actionlint(...withoutPrograms, file));
      writeFileSync(file, text.replace('fail-on:', 'fail:'));
      const { code, stdout } = await actionlint(...withoutPrograms, file);
      assert.equal(code, 1);
      assert.match(stdout, /input "fail" is not defined in action "meshmock diff"/);
    }
  });

  it('accepts the workflow of the docs for action.yml, and notices a wrong input in it', async () => {
    const repository = path.join(folder, 'repository');
    const file = path.join(repository, '.github/workflows/mesh.yaml');
    mkdirSync(path.dirname(file), { recursive: true });
    // actionlint reads the actions of the repository that a workflow is in.
    mkdirSync(path.join(repository, '.git'));
    copyFileSync(path.join(root, 'action.yml'), path.join(repository, 'action.yml'));
    const workflow = pageBlock('ci.md', 'yaml', 'on: [push, pull_request]').replace('OWNER/meshmock@v1', './');
    assert.match(workflow, /uses: \.\/\n/);
    const steps = pageBlock('ci.md', 'yaml', '> rendered.yaml').replace('OWNER/meshmock@v1', './');
    for (const text of [workflow, workflow.replace(/ {6}- uses: \.\/\n.*/s, steps)]) {
      writeFileSync(file, text);
      await printed(actionlint(...withoutPrograms, file));
      writeFileSync(file, text.replace('manifests:', 'manifest:'));
      const { code, stdout } = await actionlint(...withoutPrograms, file);
      assert.equal(code, 1);
      assert.match(stdout, /input "manifest" is not defined in action "meshmock"/);
    }
  });
});
