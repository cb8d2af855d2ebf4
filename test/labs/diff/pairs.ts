import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { CaseFile } from '../../../src/cases/case.ts';
import { readCaseFiles, readManifestsOfCases } from '../../../src/cli/files/case-files.ts';
import { readTestSettings } from '../../../src/cli/test/test-options.ts';
import type { ManifestSource } from '../../../src/istio/resources/manifest.ts';
import { root } from '../../repo/pages.ts';
import { type Mutation, mutations } from '../mutations.ts';

/** Two snapshots, and whether their behaviour differs. */
export interface SnapshotPair {
  readonly name: string;
  readonly before: readonly ManifestSource[];
  readonly after: readonly ManifestSource[];
  readonly isDifferent: boolean;
  /** Path of the mesh configuration; undefined if the lab has none. */
  readonly meshConfig: string | undefined;
  readonly namespace: string;
}

const labs = path.join(root, 'istio/labs');

/** Returns the pairs of all labs: without and with the change, with and without its text in another form, each mutation. */
export function labPairs(): SnapshotPair[] {
  const files = readCaseFiles(readTestSettings([labs])).filter(({ change }) => change.length > 0);
  return [
    ...files.map((file) => pairOf(file, 'the change', readManifestsOfCases(file.manifests), withChange(file), true)),
    ...files.map((file) => {
      const all = withChange(file);
      return pairOf(file, 'the same in another form', all, all.map(inAnotherForm), false);
    }),
    ...mutations.flatMap((mutation) => mutationPair(mutation)),
  ];
}

function withChange({ manifests, change }: CaseFile): ManifestSource[] {
  return readManifestsOfCases([...manifests, ...change]);
}

function pairOf(
  { name, meshConfig, namespace }: CaseFile,
  title: string,
  before: readonly ManifestSource[],
  after: readonly ManifestSource[],
  isDifferent: boolean,
): SnapshotPair {
  return { name: `${path.relative(labs, name)}: ${title}`, before, after, isDifferent, meshConfig, namespace };
}

function mutationPair({ lab, file, text, replacement, name, cases = 'test.yaml' }: Mutation): SnapshotPair[] {
  const [caseFile] = readCaseFiles(readTestSettings([path.join(labs, lab, cases)]));
  if (caseFile === undefined) return [];
  const before = withChange(caseFile);
  const mutated = path.join(labs, lab, file);
  const after = before.map((source) =>
    path.resolve(source.name) === mutated ? { ...source, text: source.text.replace(text, () => replacement) } : source,
  );
  return [pairOf(caseFile, name, before, after, true)];
}

/** Returns the same objects with their fields in reverse order, and a comment. */
function inAnotherForm({ name, text }: ManifestSource): ManifestSource {
  const documents = parseAllDocuments(text).map((document) => JSON.stringify(reversed(document.toJS())));
  return { name, text: ['# the same', ...documents].join('\n---\n') };
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([field, one]) => [field, reversed(one)]),
  );
}
