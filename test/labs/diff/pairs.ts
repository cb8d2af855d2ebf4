import path from 'node:path';
import type { CaseFile } from '../../../src/cases/case.ts';
import { readCaseFiles, readManifestsOfCases } from '../../../src/cli/files/case-files.ts';
import { readTestSettings } from '../../../src/cli/test/test-options.ts';
import { optional } from '../../../src/error/optional.ts';
import type { ManifestSource } from '../../../src/istio/resources/manifest.ts';
import { root } from '../../repo/pages.ts';
import { type Mutation, mutations } from '../mutations.ts';
import { inAnotherForm } from './equal-forms.ts';

/** Two snapshots, and whether their behaviour differs. */
export interface SnapshotPair {
  readonly name: string;
  readonly before: readonly ManifestSource[];
  readonly after: readonly ManifestSource[];
  readonly isDifferent: boolean;
  /** True if requests are sent where nothing differs too. */
  readonly all: boolean;
  /** Why requests cannot show the difference: the report lists it as not compared. */
  readonly unseen?: string;
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
  const unseen = unseenChanges[path.basename(path.dirname(name))];
  return {
    name: `${path.relative(labs, name)}: ${title}`,
    before,
    after,
    isDifferent,
    all: false,
    meshConfig,
    namespace,
    ...optional('unseen', unseen),
  };
}

/** Labs whose change single requests do not show. */
const unseenChanges: Readonly<Record<string, string>> = {
  'egress-wildcard': 'hosts with a wildcard are not called',
  'load-balancing': 'consistent hashing',
  'request-hedging': 'request hedging',
  telemetry: 'access logs are not compared',
};

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
