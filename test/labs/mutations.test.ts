/** Each mutation of a lab's manifests must make a case of the lab fail. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { LocalTestMesh } from '../../src/cases/meshes/local-test-mesh.ts';
import { readCaseFiles } from '../../src/cli/files/case-files.ts';
import { readManifestSources } from '../../src/cli/files/manifest-sources.ts';
import { SharedProgress } from '../../src/cli/output/shared-progress.ts';
import type { FileResult } from '../../src/cli/test/case-result.ts';
import { readTestSettings } from '../../src/cli/test/test-options.ts';
import { TestReport } from '../../src/cli/test/test-report.ts';
import { TestRun } from '../../src/cli/test/test-run.ts';
import { root } from '../repo/pages.ts';
import { type Mutation, mutations } from './mutations.ts';

describe('a case of a lab fails with a mistake in the manifests of the lab', () => {
  const istio = mkdtempSync(path.join(tmpdir(), 'meshmock-mutations-'));
  cpSync(path.join(root, 'istio'), istio, { recursive: true });
  const labs = path.join(istio, 'labs');
  const anyPort = { host: 'localhost', port: 0 };
  const mesh = new LocalTestMesh({
    read: readManifestSources,
    http: anyPort,
    grpc: anyPort,
    serveArguments: ['--log-level=warn'],
    onProgramExit: (name, logs) => process.stderr.write(`${name} ended unexpectedly: see its log in ${logs}\n`),
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    rmSync(istio, { recursive: true });
  });

  for (const mutation of mutations)
    it(`${mutation.lab}: a case fails with ${mutation.name}`, async () => {
      const file = path.join(labs, mutation.lab, mutation.file);
      const original = readFileSync(file, 'utf8');
      assert.equal(original.split(mutation.text).length, 2, `${mutation.file} has this text once: ${mutation.text}`);
      writeFileSync(
        file,
        original.replace(mutation.text, () => mutation.replacement),
      );
      try {
        const { cases, problem } = await resultOf(mutation);
        // A refusal of the manifests does not count: the case itself must fail.
        assert.deepEqual(
          cases.map(({ outcome }) => outcome.kind),
          ['failed'],
          problem ?? mutation.caughtBy,
        );
      } finally {
        writeFileSync(file, original);
      }
    });

  /** Runs only the case that must fail, with the manifests of the lab. */
  async function resultOf({ lab, cases = 'test.yaml', caughtBy }: Mutation): Promise<FileResult> {
    const settings = readTestSettings([path.join(labs, lab, cases)]);
    const [file] = readCaseFiles(settings);
    assert.ok(file !== undefined);
    const matching = [...file.cases, ...file.always].filter(({ name }) => name === caughtBy);
    assert.equal(matching.length, 1, `the lab has one case "${caughtBy}"`);
    const applied = { ...file, manifests: [...file.manifests, ...file.change], change: [] };
    const report = new TestReport(() => {}, { meshEnds: true, failUntested: false });
    const alone = { ...applied, before: [], cases: matching, always: [] };
    const run = new TestRun([alone], {
      settings,
      meshes: [mesh],
      report,
      progress: new SharedProgress(process.stderr, ''),
      stop: new AbortController().signal,
    });
    await run.run();
    const [result] = run.results;
    assert.ok(result !== undefined);
    return result;
  }
});
