import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { examplesOf, readPage, root } from '../repo/pages.ts';
import { maskedMesh, maskedVersion } from './docs.ts';
import { blockKind, filesOf, LabMesh, labPages, labs, meshFile } from './labs.ts';

/** Maximum time until the garbage collector has deleted what belonged to deleted objects, in milliseconds. */
const collectedMs = 60_000;

const defaults = { timeoutMs: 0, retryUntilMs: 0 };

suite('the pages of the labs show what their commands print (npm run docs:labs writes it)', () => {
  let mesh: LabMesh;
  let objects: readonly string[];
  before(async () => {
    mesh = await LabMesh.start();
    objects = await mesh.objects();
  });
  after(() => mesh[Symbol.asyncDispose]());

  for (const page of labPages)
    test(page, async () => {
      for (const { command, output, printed, manifests } of await mesh.run(page)) {
        const undecided = ['service2', 'service3', 'webserver'].filter((name) => !isDecided(name, manifests));
        assert.equal(maskedLab(printed, undecided), maskedLab(output, undecided), command);
      }
      // The garbage collector deletes what belonged to deleted objects a little later, as in a cluster.
      const until = performance.now() + collectedMs;
      let left = await mesh.objects();
      while (performance.now() < until && !isDeepStrictEqual(left, objects)) {
        await sleep(200);
        left = await mesh.objects();
      }
      assert.deepEqual(left, objects, 'the page leaves the mesh as it found it');
    });
});

test('each lab calls a URL before and after its change, and applies the files that its cases test', () => {
  for (const lab of labs) {
    const commands = examplesOf(readPage(`${lab}/README.md`).text, blockKind).map(({ command }) => command);
    const applied = new Set(commands.flatMap((command) => filesOf(command, 'apply')));
    const isCall = (command: string): boolean => !command.startsWith('kubectl ');
    const lastChange = commands.findLastIndex((command) => filesOf(command, 'apply').length > 0);
    assert.ok(commands.slice(0, lastChange).some(isCall), `${lab}: before`);
    assert.ok(commands.slice(lastChange).some(isCall), `${lab}: after`);
    const tested = new Set(globSync(`${lab}/*test.yaml`, { cwd: root }).flatMap(testedFiles));
    assert.deepEqual([...applied, meshFile].toSorted(), [...tested].toSorted(), lab);
  }
});

test('a lab that cannot be run here has cases for a cluster, and says so', () => {
  const others = globSync('istio/labs/*/README.md', { cwd: root })
    .map((page) => path.dirname(page))
    .filter((lab) => !labs.includes(lab));
  assert.ok(others.length > 0);
  for (const lab of others) {
    const file = path.join(root, lab, 'cases.yml');
    parseCaseFile(readFileSync(file, 'utf8'), file, defaults);
    assert.match(readPage(`${lab}/README.md`).text, /validated, not run here/i);
  }
});

test('the index has a line for each lab', () => {
  const index = readPage('istio/README.md').text;
  const listed = [...index.matchAll(/^\| \d+ \| \[([a-z-]+)\]\(labs\/\1\)/gm)].map(([, name]) => `istio/labs/${name}`);
  const there = globSync('istio/labs/*/README.md', { cwd: root }).map((page) => path.dirname(page));
  assert.deepEqual(listed.toSorted(), there.toSorted());
});

test("the table of Istio's tasks names each lab, and only labs that exist", () => {
  const named = readPage('istio/tasks.md').text.matchAll(/\[([a-z-]+)\]\(labs\/\1\)/g);
  const listed = new Set([...named].map(([, name]) => `istio/labs/${name}`));
  const there = globSync('istio/labs/*/README.md', { cwd: root }).map((page) => path.dirname(page));
  assert.deepEqual([...listed].toSorted(), there.toSorted());
});

/** Returns the manifests that a file of cases applies. `npm run labs` finds cases that pass without the change. */
function testedFiles(file: string): string[] {
  const { manifests, change, cases } = parseCaseFile(readFileSync(path.join(root, file), 'utf8'), file, defaults);
  assert.ok(change.length > 0 && cases.length > 0, file);
  return [...manifests, ...change].map((name) => path.normalize(name));
}

/** Masks the time, the sizes, the durations and the addresses in a line of an access log. */
function maskedLogLine(line: string): string {
  return line
    .replace(/^\[[^\]]*\]/, '[TIME]')
    .replaceAll(/\b\d+\.\d+\.\d+\.\d+(:\d+)?\b/g, 'ADDRESS')
    .replaceAll(/ \d+ \d+ \d+ \d+ /g, ' N ');
}

/** Reports whether something says which version of a service has its turn: by a subset, or by a Service of that version. */
function isDecided(service: string, manifests: string): boolean {
  const hasWeights = new RegExp(`host: ${service}\\n +subset: v\\d\\n +weight:`).test(manifests);
  return !hasWeights && new RegExp(`host: ${service}\\n +subset:|name: ${service}-v\\d\\n +port:`).test(manifests);
}

/** Masks what differs from run to run: how many of a number of calls is chance too, but whether any is not. */
function maskedLab(output: string, undecided: readonly string[]): string {
  const logged = maskedMesh(output).replaceAll(/^\[\d{4}-\d\d-.*$/gm, maskedLogLine);
  const counted = logged.replaceAll(/×\d+( \([\d.]+%\))?/g, '×N');
  const unversioned = undecided.reduce(maskedVersion, counted);
  return (
    (undecided.includes('webserver') ? maskedWebserver(unversioned) : unversioned)
      // The name of the longest pod decides where the next column begins.
      .replaceAll(/(?<=\)) {2,}/g, '  ')
  );
}

/** Masks which of the webservers answered, and how many of the six pods of both versions did. */
function maskedWebserver(output: string): string {
  return output
    .replaceAll(/\bv\d \(webserverv\d-POD\)/g, 'V (webserver-POD)')
    .replaceAll(/webserverv\d-POD/g, 'webserver-POD')
    .replaceAll(/webserver-POD ×N(?:, webserver-POD ×N)+/g, 'webserver-POD ×N, …');
}
