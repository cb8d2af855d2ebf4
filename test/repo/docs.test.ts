import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { namedMeshes } from '../../src/cli/up/named-meshes.ts';
import { directivePart, directiveRowsOf, seenOf } from './directive-table.ts';
import { type Meshes, masked, run, startMeshes } from './examples.ts';
import { generatedParts } from './generated-parts.ts';
import { examplesOf, partsOf, readDocs, root } from './pages.ts';

const pages = readDocs();
const exampleCases = 'istio/examples/tests/service2.test.yaml';

suite('the docs show what the program prints (npm run docs writes it)', () => {
  let meshes: Meshes & AsyncDisposable;
  before(async () => {
    meshes = await startMeshes();
  });
  after(() => meshes[Symbol.asyncDispose]());

  const examples = pages.flatMap(({ text }) => examplesOf(text));

  test('commands print what the pages show', async () => {
    assert.ok(examples.length > 25);
    for (const { command, output } of examples) {
      assert.equal(masked((await run(command, meshes)).output), masked(output), command);
    }
  });

  test('directives do what the table says, over both protocols', async () => {
    const rows = partsOf(pages, directivePart).flatMap(directiveRowsOf);
    assert.ok(rows.length > 20);
    for (const row of rows) {
      const seen = async (): Promise<string[]> => (await seenOf(row, meshes)).map(masked);
      const shown = row.seen.map(masked);
      // Two deadlines are 20 ms apart: on a busy machine the wrong one may pass first, so a row has further tries.
      let last = await seen();
      for (let tries = 1; tries < 8 && !isDeepStrictEqual(last, shown); tries++) last = await seen();
      assert.deepEqual(last, shown, row.path);
    }
  });

  test('each expectation that passes fails when it is negated, and reports what was seen', async () => {
    let negated = 0;
    for (const { command } of examples.filter(({ output }) => /^pass/m.test(output) && !/^FAIL/m.test(output))) {
      for (const [, text = ''] of command.matchAll(/--expect '([^']*)'/g)) {
        const opposite = text.startsWith('not ') ? text.slice('not '.length) : `not ${text}`;
        const alone = command.replaceAll(/ --expect '[^']*'/g, '');
        const { code, output } = await run(`${alone} --expect '${opposite}'`, meshes);
        assert.equal(code, 1, opposite);
        assert.match(output, /^FAIL {2}.*\n {6}seen: .+/m, opposite);
        negated++;
      }
    }
    assert.ok(negated > 10);
  });
});

test('each generated part is on one page, as the program makes it', () => {
  for (const [name, part] of Object.entries(generatedParts)) assert.deepEqual(partsOf(pages, name), [part], name);
});

test('the table of directives and the measured costs are on one page each', () => {
  for (const name of [directivePart, 'bench']) assert.equal(partsOf(pages, name).length, 1, name);
});

test('a page shows the octopus mesh and the example file of cases as they are', () => {
  const shown = { octopus: namedMeshes.octopus, cases: readFileSync(path.join(root, exampleCases), 'utf8') };
  for (const [name, yaml] of Object.entries(shown)) {
    const blocks = pages.flatMap(({ text }) => text.split(`\`\`\`yaml\n${yaml}\`\`\``).slice(1));
    assert.equal(blocks.length, 1, name);
  }
});
