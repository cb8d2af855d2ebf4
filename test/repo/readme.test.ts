import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { flagTableOf, tableOf } from '../../src/cli/options/options.ts';
import { serveSchema } from '../../src/cli/serve/serve-options.ts';
import { testSchema } from '../../src/cli/test/test-options.ts';
import { namedMeshes } from '../../src/cli/up/named-meshes.ts';
import { directiveRowsOf, examplesOf, type Meshes, masked, readReadme, run, seenOf, startMeshes } from './readme.ts';

suite('what the README shows is so (npm run readme writes it)', () => {
  let meshes: Meshes & AsyncDisposable;
  before(async () => {
    meshes = await startMeshes();
  });
  after(() => meshes[Symbol.asyncDispose]());

  const examples = examplesOf(readReadme());

  test('its commands print what it says', async () => {
    assert.ok(examples.length > 25);
    for (const { command, output } of examples) {
      assert.equal(masked((await run(command, meshes)).output), masked(output), command);
    }
  });

  test('its directives do what the table says, over both protocols', async () => {
    const rows = directiveRowsOf(readReadme());
    assert.ok(rows.length > 20);
    for (const row of rows) {
      const seen = async (): Promise<string[]> => (await seenOf(row, meshes)).map(masked);
      const shown = row.seen.map(masked);
      // Of two deadlines that are 10 ms apart a busy machine may let the wrong one pass first: then once more.
      const first = await seen();
      assert.deepEqual(isDeepStrictEqual(first, shown) ? first : await seen(), shown, row.path);
    }
  });

  test('each of its expectations that passes fails when it is negated, and says what was seen', async () => {
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

test("the README's table of settings is that of the program", () => {
  assert.ok(readReadme().includes(tableOf(serveSchema)));
});

test("the README's table of the flags of `meshmock test` is that of the program, and its file of cases is the example", () => {
  assert.ok(readReadme().includes(flagTableOf(testSchema)));
  assert.ok(
    readReadme().includes(`\`\`\`yaml\n${readFileSync('istio/examples/tests/service2.test.yaml', 'utf8')}\`\`\``),
  );
});

test('the README shows the octopus mesh as it is', () => {
  assert.ok(readReadme().includes(`\`\`\`yaml\n${namedMeshes.octopus}\`\`\``));
});
