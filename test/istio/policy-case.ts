import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { ManifestSource } from '../../src/istio/manifest.ts';
import { runProgram } from '../program.ts';
import type { TestMesh } from './local-mesh.ts';

/** A call by which a policy is shown, as a person makes it. */
export interface Shown {
  /** Where it enters: the mock of a Service unless it is a gateway. */
  readonly at: string | { readonly gateway: string };
  readonly path: string;
  /** Further arguments of `meshmock call`. */
  readonly args?: readonly string[];
  /** Expectations that hold with the policy; each fails without it. */
  readonly changed?: readonly string[];
  /** Expectations that hold with it and say what it leaves as it is, or more than it changes. */
  readonly also?: readonly string[];
}

export interface PolicyCase {
  readonly title: string;
  /** What is applied as the policy; paths in the folder of samples, as `given` has them too. */
  readonly files: readonly string[];
  /** What has to be there before. */
  readonly given?: readonly (string | ManifestSource)[];
  readonly shown: readonly Shown[];
}

/** Shows each policy: what it changes is not so without it, is so once it is applied, and is not once it is deleted. */
export async function showEach(
  t: TestContext,
  bed: TestMesh,
  samples: string,
  cases: readonly PolicyCase[],
): Promise<void> {
  const inSamples = (file: string | ManifestSource) => (typeof file === 'string' ? path.join(samples, file) : file);
  for (const { title, files, given = [], shown } of cases)
    await t.test(`${files.map((file) => path.basename(file)).join(', ')}: ${title}`, async () => {
      const policy = files.map(inSamples);
      const ground = given.map(inSamples);
      try {
        if (ground.length > 0) await bed.apply(...ground);
        for (const one of shown) await assertAbsent(bed, one);
        await bed.apply(...policy);
        for (const one of shown) await assertShown(bed, one);
        await bed.delete(...policy);
        for (const one of shown) await assertAbsent(bed, one);
      } finally {
        await bed.delete(...policy, ...ground);
      }
    });
}

async function assertShown(bed: TestMesh, { changed = [], also = [], ...call }: Shown): Promise<void> {
  const { code, output } = await callWith(bed, call, [...changed, ...also]);
  assert.equal(code, 0, output);
}

async function assertAbsent(bed: TestMesh, { changed = [], ...call }: Shown): Promise<void> {
  if (changed.length === 0 || !isReachable(bed, call)) return;
  const { code, output } = await callWith(bed, call, changed);
  // Without a Gateway there is no gateway either: then nobody answers.
  assert.ok(code === 1 || code === 3, `exit code ${code}: ${output}`);
  const failed = [...output.matchAll(/^FAIL {2}(.*)$/gm)].map(([, expectation]) => expectation);
  assert.deepEqual(failed, changed, output);
}

function isReachable(bed: TestMesh, { at }: Pick<Shown, 'at'>): boolean {
  return typeof at === 'string' || bed.host.ports.some(({ entry }) => entry.name === at.gateway);
}

async function callWith(
  bed: TestMesh,
  { at, path: target, args = [] }: Shown,
  expectations: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const address = typeof at === 'string' ? bed.http(at) : bed.gateway(80, at.gateway);
  const expects = expectations.flatMap((expectation) => ['--expect', expectation]);
  const { code, stdout, stderr } = await runProgram(['call', `${address}${target}`, ...args, ...expects]);
  return { code, output: `${target}\n${stdout}${stderr}` };
}

/** Says that each file of a folder of samples is run, or excused with a reason; a new one is neither. */
export function assertAllAccountedFor(
  samples: string,
  folder: string,
  cases: readonly PolicyCase[],
  excused: Readonly<Record<string, string>>,
): void {
  const run = cases.flatMap(({ files }) => files).filter((file) => path.dirname(file) === folder);
  const names = new Set([...run.map((file) => path.basename(file)), ...Object.keys(excused)]);
  assert.deepEqual([...names].sort(), readdirSync(path.join(samples, folder)).sort());
}
