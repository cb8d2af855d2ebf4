/** That the cases of the labs notice when what a lab applies is not what it was. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { LocalMesh } from '../../src/cases/meshes/local-mesh.ts';
import { readCaseFiles } from '../../src/cli/files/case-files.ts';
import { readManifestSources } from '../../src/cli/files/manifest-sources.ts';
import type { FileResult } from '../../src/cli/test/case-result.ts';
import { FilesRun } from '../../src/cli/test/files-run.ts';
import { readTestSettings } from '../../src/cli/test/test-options.ts';
import { TestReport } from '../../src/cli/test/test-report.ts';
import { root } from '../repo/pages.ts';
import { type Mutation, mutations } from './mutations.ts';

describe('a mutation of what a lab applies is caught by a case of the lab', () => {
  const istio = mkdtempSync(path.join(tmpdir(), 'meshmock-mutations-'));
  cpSync(path.join(root, 'istio'), istio, { recursive: true });
  const labs = path.join(istio, 'labs');
  const anyPort = { host: 'localhost', port: 0 };
  const mesh = new LocalMesh({
    read: readManifestSources,
    ...{ http: anyPort, grpc: anyPort },
    serveArguments: ['--log-level=warn'],
    onProgramExit: (name, logs) => process.stderr.write(`${name} has ended; see ${logs}\n`),
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    rmSync(istio, { recursive: true });
  });

  for (const mutation of mutations)
    it(`${mutation.lab}: ${mutation.name}`, async () => {
      const file = path.join(labs, mutation.lab, mutation.file);
      const original = readFileSync(file, 'utf8');
      assert.equal(original.split(mutation.text).length, 2, `${mutation.file} has it once: ${mutation.text}`);
      writeFileSync(
        file,
        original.replace(mutation.text, () => mutation.becomes),
      );
      try {
        const { cases, problem } = await resultOf(mutation);
        // What is refused was not noticed by a case.
        assert.deepEqual(
          cases.map(({ outcome }) => outcome.kind),
          ['failed'],
          problem ?? mutation.caughtBy,
        );
      } finally {
        writeFileSync(file, original);
      }
    });

  /** Of the case that is to catch it alone, tried with what the lab applies. */
  async function resultOf({ lab, cases = 'test.yaml', caughtBy }: Mutation): Promise<FileResult> {
    const settings = readTestSettings([path.join(labs, lab, cases)]);
    const [file] = readCaseFiles(settings);
    assert.ok(file !== undefined);
    const wanted = [...file.cases, ...file.always].filter(({ name }) => name === caughtBy);
    assert.equal(wanted.length, 1, `the lab has one case "${caughtBy}"`);
    const applied = { ...file, manifests: [...file.manifests, ...file.change], change: [] };
    const report = new TestReport(undefined, { meshEnds: true, failUntested: false });
    const alone = { ...applied, before: [], cases: wanted, always: [] };
    const run = new FilesRun([alone], settings, mesh, report, new AbortController().signal);
    await run.toTheEnd();
    const [result] = run.results;
    assert.ok(result !== undefined);
    return result;
  }
});
