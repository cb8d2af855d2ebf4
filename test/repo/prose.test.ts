import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { helpOf, overview } from '../../src/cli/help-command.ts';
import { commentsOf, countOddTurns, fragmentsIn, pageOf, turnLines } from './prose.ts';

const root = path.join(import.meta.dirname, '../..');
/** Odd turns per 1,000 words. The projects that meshmock is compared with have 0 to 1. */
const limit = 2;
const columns = 80;

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const filesIn = (patterns: readonly string[]): string[] =>
  globSync([...patterns], { cwd: root, exclude: (name) => name === 'node_modules' || name === 'generated' }).sort();

function assertPlain(texts: Parameters<typeof countOddTurns>[0]): void {
  const { turns, rate } = countOddTurns(texts);
  assert.ok(rate < limit, `${rate.toFixed(1)} odd turns per 1,000 words, the limit is ${limit}:\n${turnLines(turns)}`);
}

for (const folder of ['src', 'test']) {
  test(`Comments in ${folder} have under ${limit} odd turns per 1,000 words`, () => {
    assertPlain(filesIn([`${folder}/**/*.ts`]).flatMap((file) => commentsOf(file, read(file))));
  });
}

const pages: Readonly<Record<string, readonly string[]>> = {
  'README.md': ['README.md'],
  'Pages in docs': ['docs/*.md'],
  'Pages for contributors': ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  'Pages of the labs': ['istio/**/*.md'],
  'Pages of Kubernetes': ['kubernetes/**/*.md'],
};
for (const [name, patterns] of Object.entries(pages)) {
  test(`${name} ${name === 'README.md' ? 'has' : 'have'} under ${limit} odd turns per 1,000 words`, () => {
    const files = filesIn(patterns);
    assert.ok(files.length > 0);
    assertPlain(files.map((file) => pageOf(file, read(file))));
  });
}

test(`The unreleased part of the changelog has under ${limit} odd turns per 1,000 words`, () => {
  const [head = '', unreleased = ''] = read('CHANGELOG.md').split(/^(?=## )/m);
  assertPlain([pageOf('CHANGELOG.md', head + unreleased)]);
});

test('No docstring in src opens with a fragment', () => {
  const fragments = filesIn(['src/**/*.ts']).flatMap((file) => fragmentsIn(file, read(file)));
  assert.equal(turnLines(fragments), '');
});

test(`Every line of every help fits ${columns} columns`, async () => {
  const helps = [overview(commands)];
  for (const [name, { load }] of Object.entries(commands)) {
    const command = await load();
    const subcommands = [undefined, ...Object.keys(command.subcommands ?? {})];
    helps.push(...subcommands.map((subcommand) => helpOf(command, name, subcommand)));
  }
  assert.ok(helps.length > 10);
  const wide = helps.flatMap((help) => help.split('\n')).filter((line) => [...line].length > columns);
  assert.deepEqual(wide, []);
});

test('The counter finds odd turns in comments and pages, at their lines', () => {
  const source = ["const url = 'http://a.b';", '/**', ' * What is behind it.', ' */', '// nobody', '// is told'].join(
    '\n',
  );
  const comments = commentsOf('a.ts', source);
  assert.deepEqual(
    comments.map(({ line }) => line),
    [2, 5],
  );
  const { turns, rate } = countOddTurns(comments);
  assert.deepEqual(
    turns.map(({ line, name }) => [line, name]),
    [
      [3, 'behind (= after)'],
      [3, 'opens with a fragment'],
      [6, 'told/tells'],
      [5, 'whoever/whom/nobody'],
    ],
  );
  assert.equal(rate, (1000 * 4) / 7);
  assert.equal(turnLines(turns.slice(0, 1)), 'a.ts:3: behind (= after): …What is behind it.…');
  assert.equal(fragmentsIn('a.ts', source).length, 1);
  const page = pageOf('a.md', ['Text', '```', 'nobody', '```', '`nobody` <!-- nobody --> is told'].join('\n'));
  assert.deepEqual(
    countOddTurns([page]).turns.map(({ line, name }) => [line, name]),
    [[5, 'told/tells']],
  );
});
