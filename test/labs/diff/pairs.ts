import path from 'node:path';
import type { CaseFile } from '../../../src/cases/case.ts';
import { readCaseFiles, readManifestsOfCases } from '../../../src/cli/files/case-files.ts';
import { readTestSettings } from '../../../src/cli/test/test-options.ts';
import type { ManifestSource } from '../../../src/istio/resources/manifest.ts';
import { root } from '../../repo/pages.ts';
import { type Mutation, mutations } from '../mutations.ts';
import { equalForms } from './equal-forms.ts';
import type { Expected } from './expected.ts';
import { expectedOf } from './lab-expectations.ts';

/** Two snapshots, and the report that they must have. */
export interface SnapshotPair {
  readonly name: string;
  /** Lab or sample, such as `retries`. */
  readonly group: string;
  readonly before: readonly ManifestSource[];
  readonly after: readonly ManifestSource[];
  /** Undefined if the behaviour is the same. */
  readonly expected: Expected | undefined;
  /** Path of the mesh configuration; undefined if the lab has none. */
  readonly meshConfig: string | undefined;
  readonly namespace: string;
}

const labs = path.join(root, 'istio/labs');

/** Returns the pairs of all labs that differ: without and with the change of the lab, and with each mutation. */
export function differentLabPairs(): SnapshotPair[] {
  const files = new Map<string, CaseFile | undefined>();
  return [
    ...changingFiles().map((file) =>
      pairOf(file, 'the change', readManifestsOfCases(file.manifests), withChange(file), expectedOf(groupOf(file))),
    ),
    ...mutations.flatMap((mutation) => mutationPair(mutation, files)),
  ];
}

/** Returns the pairs of all labs that are the same: with the change of the lab, and this in other forms. */
export function equalLabPairs(): SnapshotPair[] {
  return changingFiles().flatMap((file) => {
    const all = withChange(file);
    // Requests of this lab receive the names of its policies.
    const forms = equalForms(all).filter(({ form }) => groupOf(file) !== 'dry-run' || form !== 'with other names');
    return forms.map(({ form, sources }) => pairOf(file, form, all, sources, undefined));
  });
}

function changingFiles(): CaseFile[] {
  return readCaseFiles(readTestSettings([labs])).filter(({ change }) => change.length > 0);
}

function withChange({ manifests, change }: CaseFile): ManifestSource[] {
  return readManifestsOfCases([...manifests, ...change]);
}

function groupOf({ name }: CaseFile): string {
  return path.relative(labs, path.dirname(name));
}

function pairOf(
  file: CaseFile,
  title: string,
  before: readonly ManifestSource[],
  after: readonly ManifestSource[],
  expected: Expected | undefined,
): SnapshotPair {
  const { name, meshConfig, namespace } = file;
  return {
    name: `${path.relative(labs, name)}: ${title}`,
    group: groupOf(file),
    before,
    after,
    expected,
    meshConfig,
    namespace,
  };
}

function mutationPair(
  { lab, file, text, replacement, name, cases = 'test.yaml' }: Mutation,
  files: Map<string, CaseFile | undefined>,
): SnapshotPair[] {
  const casePath = path.join(labs, lab, cases);
  if (!files.has(casePath)) files.set(casePath, readCaseFiles(readTestSettings([casePath]))[0]);
  const caseFile = files.get(casePath);
  if (caseFile === undefined) return [];
  const before = withChange(caseFile);
  const mutated = path.join(labs, lab, file);
  const after = before.map((source) =>
    path.resolve(source.name) === mutated ? { ...source, text: source.text.replace(text, () => replacement) } : source,
  );
  return [pairOf(caseFile, name, before, after, expectedOf(lab, file, name))];
}
