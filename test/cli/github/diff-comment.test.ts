/** The comment of ci/diff, with a program in the place of gh that keeps comments in a file, as GitHub's API does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { runStep, type Step } from './github-runner.ts';

const checkout = fileURLToPath(new URL('../../..', import.meta.url));
/** gh has jq in it, and the program of the test calls it. */
const hasJq = spawnSync('jq', ['--version']).status === 0;

interface StoredComment {
  readonly id: number;
  readonly body: string;
}

const program = `
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
const args = process.argv.slice(2);
const valueOf = (flag) => args.at(args.indexOf(flag) + 1);
const store = process.env.COMMENTS;
const comments = JSON.parse(readFileSync(store, 'utf8'));
const body = () => readFileSync(valueOf('--field').replace('body=@', ''), 'utf8');
const url = args.find((one) => one.startsWith('repos/'));
if (args[0] !== 'api' || process.env.GH_TOKEN !== 'token') process.exit(4);
if (!args.includes('--method')) {
  if (url !== 'repos/shop/mesh/issues/7/comments?per_page=100' || !args.includes('--paginate')) process.exit(1);
  // Each page is an answer of its own.
  for (let first = 0; first < comments.length; first += 2) {
    const page = JSON.stringify(comments.slice(first, first + 2));
    process.stdout.write(spawnSync('jq', ['--raw-output', valueOf('--jq')], { input: page }).stdout);
  }
} else if (valueOf('--method') === 'POST') {
  if (url !== 'repos/shop/mesh/issues/7/comments') process.exit(1);
  writeFileSync(store, JSON.stringify([...comments, { id: 100 + comments.length, body: body() }]));
} else {
  const id = Number(url.replace('repos/shop/mesh/issues/comments/', ''));
  if (!comments.some((one) => one.id === id)) process.exit(1);
  writeFileSync(store, JSON.stringify(comments.map((one) => (one.id === id ? { id, body: body() } : one))));
}
`;

describe('the comment of ci/diff', { skip: hasJq ? false : 'jq is not installed' }, () => {
  const workspace = mkdtempSync(path.join(tmpdir(), 'meshmock-comment-'));
  const [store, report] = [path.join(workspace, 'comments.json'), path.join(workspace, 'diff.md')];
  mkdirSync(path.join(workspace, 'bin'));
  writeFileSync(path.join(workspace, 'bin/gh.mjs'), program);
  const command = `#!/bin/sh\nexec '${process.execPath}' '${path.join(workspace, 'bin/gh.mjs')}' "$@"\n`;
  writeFileSync(path.join(workspace, 'bin/gh'), command, { mode: 0o755 });
  after(() => rmSync(workspace, { recursive: true }));
  beforeEach(() => writeFileSync(store, '[]'));

  const action = parse(readFileSync(path.join(checkout, 'ci/diff/action.yml'), 'utf8')) as {
    readonly runs: { readonly steps: readonly { readonly run: string }[] };
  };
  const script = action.runs.steps[1]?.run ?? '';

  async function comment(text: string): Promise<Step> {
    writeFileSync(report, text);
    return runStep(script, {
      workspace,
      env: {
        PATH: `${path.join(workspace, 'bin')}:${process.env.PATH ?? ''}`,
        ...{ GITHUB_ACTION_PATH: path.join(checkout, 'ci/diff'), GH_TOKEN: 'token', REPORT: report, NUMBER: '7' },
        COMMENTS: store,
      },
    });
  }

  function bodies(): string[] {
    return (JSON.parse(readFileSync(store, 'utf8')) as readonly StoredComment[]).map(({ body }) => body);
  }

  it('is a new one, and the same one for a later push, whatever others write after it', async () => {
    assert.equal((await comment('first')).code, 0);
    assert.deepEqual(bodies(), ['<!-- meshmock diff -->\nfirst']);
    const others = ['by another action', '> quotes <!-- meshmock diff -->', 'by a person'];
    const all = [...bodies(), ...others].map((body, id) => ({ id: id + 1, body }));
    writeFileSync(store, JSON.stringify(all.toReversed()));
    assert.equal((await comment('second: "$HOME" @file\n')).code, 0);
    assert.deepEqual(bodies().toReversed(), ['<!-- meshmock diff -->\nsecond: "$HOME" @file\n', ...others]);
  });

  it('is not written without a report, and the step fails if GitHub refuses it', async () => {
    assert.equal((await comment('')).code, 0);
    assert.deepEqual(bodies(), []);
    writeFileSync(store, 'not JSON');
    assert.notEqual((await comment('third')).code, 0);
  });
});
