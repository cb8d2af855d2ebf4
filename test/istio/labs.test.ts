import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { root } from '../repo/pages.ts';
import { maskedMesh, maskedVersion } from './docs.ts';
import { LabMesh, labs, pageOf } from './labs.ts';

suite('the pages of the labs show what they print (npm run docs:labs writes it)', () => {
  const mesh = new LabMesh();
  after(() => mesh[Symbol.asyncDispose]());

  for (const lab of labs)
    test(lab, async () => {
      const blocks = await mesh.run(lab);
      const examples = blocks.flatMap(({ examples, ...block }) =>
        examples.map((example) => ({ ...block, ...example })),
      );
      for (const { kind, manifests, command, output, printed } of examples) {
        const undecided = ['service2', 'service3'].filter(
          (name) => kind.startsWith('console before') || !isDecided(name, manifests),
        );
        assert.ok(printed.length > 0, `${kind}: ${command}: it was run`);
        for (const one of printed)
          assert.equal(maskedLab(one, undecided), maskedLab(output, undecided), `${kind}: ${command}`);
      }
      const ran = (when: string) => examples.filter(({ kind }) => kind.startsWith(`console ${when}`)).length;
      assert.ok(ran('before') > 0 && ran('after') > 0, 'it shows something before and after');
      const shown = [...readFileSync(pageOf(lab), 'utf8').matchAll(/^```(console.*)$/gm)].map(([, kind]) => kind);
      const known = blocks.map(({ kind }) => kind);
      assert.deepEqual(
        shown.filter((kind) => !known.some((one) => one === kind)),
        [],
        'each block is about a file of cases',
      );
    });
});

// That they fail without it, `npm run labs` finds out.
test('each lab applies something, and has cases of it', () => {
  for (const lab of labs) {
    const file = path.join(root, lab, 'test.yaml');
    const { change, cases } = parseCaseFile(readFileSync(file, 'utf8'), file, { timeoutMs: 0, retryUntilMs: 0 });
    assert.ok(change.length > 0 && cases.length > 0, file);
  }
});

test('a lab that cannot be run here has cases for a cluster, and says so', () => {
  const others = globSync('istio/labs/*/README.md', { cwd: root })
    .map((page) => path.dirname(page))
    .filter((lab) => !labs.includes(lab));
  assert.ok(others.length > 0);
  for (const lab of others) {
    const file = path.join(root, lab, 'cases.yml');
    parseCaseFile(readFileSync(file, 'utf8'), file, { timeoutMs: 0, retryUntilMs: 0 });
    assert.match(readFileSync(pageOf(lab), 'utf8'), /validated, not run here/i);
  }
});

test('the index has a line for each lab', () => {
  const index = readFileSync(path.join(root, 'istio/README.md'), 'utf8');
  const listed = [...index.matchAll(/^\| \d+ \| \[([a-z-]+)\]\(labs\/\1\)/gm)].map(([, name]) => `istio/labs/${name}`);
  const there = globSync('istio/labs/*/README.md', { cwd: root }).map((page) => path.dirname(page));
  assert.deepEqual(listed.toSorted(), there.toSorted());
});

/** Whether something says which version of a service has its turn: by a subset, or by a Service of that version. */
function isDecided(service: string, manifests: string): boolean {
  return new RegExp(`host: ${service}\\n +subset:|name: ${service}-v\\d\\n +port:`).test(manifests);
}

/** How many of a number of calls is chance as well; whether any is not. */
function maskedLab(output: string, undecided: readonly string[]): string {
  const counted = maskedMesh(output).replaceAll(/×\d+( \([\d.]+%\))?/g, '×N');
  return undecided.reduce(maskedVersion, counted);
}
