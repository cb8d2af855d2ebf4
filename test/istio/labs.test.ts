import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { parseCaseFile } from '../../src/cli/case-file.ts';
import { root } from '../repo/readme.ts';
import { LabBed, labs, pageOf } from './labs.ts';
import { maskedMesh, maskedVersions } from './readme.ts';

suite('the pages of the labs show what they print (npm run readme:labs writes it)', () => {
  const bed = new LabBed();
  after(() => bed[Symbol.asyncDispose]());

  for (const lab of labs)
    test(lab, async () => {
      const blocks = await bed.run(lab);
      const examples = blocks.flatMap(({ kind, examples }) => examples.map((example) => ({ kind, ...example })));
      for (const { kind, command, output, printed } of examples)
        for (const one of printed) assert.equal(maskedLab(one, kind), maskedLab(output, kind), `${kind}: ${command}`);
      const ran = (when: string) => examples.filter(({ kind }) => kind.startsWith(`console ${when}`)).length;
      assert.ok(ran('before') > 0 && ran('after') > 0, 'it shows something before and after');
    });
});

test('each lab has cases that fail without what it applies', () => {
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

/** How many of a number of calls is chance as well; whether any is not. Which version is, where nothing was applied. */
function maskedLab(output: string, kind: string): string {
  const counted = maskedMesh(output).replaceAll(/×\d+( \([\d.]+%\))?/g, '×N');
  return kind.startsWith('console after') ? counted : maskedVersions(counted);
}
