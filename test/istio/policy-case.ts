import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { ManifestSource } from '../../src/istio/resources/manifest.ts';
import { runProgram } from '../program.ts';
import type { LocalMeshFixture } from './local-mesh.ts';

/** Call that shows the effect of a policy. */
export interface ShownCall {
  /** Service whose mock makes the call, or a gateway that receives it. */
  readonly at: string | { readonly gateway: string };
  readonly path: string;
  /** Further arguments of `meshmock call`. */
  readonly args?: readonly string[];
  /** Expectations that hold with the policy, and fail without it. */
  readonly changed?: readonly string[];
  /** Expectations that hold with the policy, and may also hold without it. */
  readonly also?: readonly string[];
}

export interface PolicyCase {
  readonly title: string;
  /** Files of the policy: paths in the folder of samples. */
  readonly files: readonly string[];
  /** Manifests that are applied before the policy: paths in the folder of samples, or texts. */
  readonly given?: readonly (string | ManifestSource)[];
  readonly shown: readonly ShownCall[];
}

/**
 * Tests each policy. The expectations of `changed` must fail without the policy, hold with it, and fail again after its
 * deletion.
 */
export async function testEachPolicy(
  t: TestContext,
  mesh: LocalMeshFixture,
  samples: string,
  cases: readonly PolicyCase[],
): Promise<void> {
  const inSamples = (file: string | ManifestSource) => (typeof file === 'string' ? path.join(samples, file) : file);
  for (const { title, files, given = [], shown } of cases)
    await t.test(`${files.map((file) => path.basename(file)).join(', ')}: ${title}`, async () => {
      const policy = files.map(inSamples);
      const preparation = given.map(inSamples);
      try {
        if (preparation.length > 0) await mesh.apply(...preparation);
        for (const one of shown) await assertAbsent(mesh, one);
        await mesh.apply(...policy);
        for (const one of shown) await assertShown(mesh, one);
        await mesh.delete(...policy);
        for (const one of shown) await assertAbsent(mesh, one);
      } finally {
        await mesh.delete(...policy, ...preparation);
      }
    });
}

async function assertShown(mesh: LocalMeshFixture, { changed = [], also = [], ...call }: ShownCall): Promise<void> {
  const { code, output } = await callWith(mesh, call, [...changed, ...also]);
  assert.equal(code, 0, output);
}

async function assertAbsent(mesh: LocalMeshFixture, { changed = [], ...call }: ShownCall): Promise<void> {
  if (changed.length === 0 || !isReachable(mesh, call)) return;
  const { code, output } = await callWith(mesh, call, changed);
  // Without its Gateway, the gateway itself does not exist, so nothing answers.
  assert.ok(code === 1 || code === 3, `exit code ${code}: ${output}`);
  const failed = [...output.matchAll(/^FAIL {2}(.*)$/gm)].map(([, expectation]) => expectation);
  assert.deepEqual(failed, changed, output);
}

function isReachable(mesh: LocalMeshFixture, { at }: Pick<ShownCall, 'at'>): boolean {
  return typeof at === 'string' || mesh.host.ports.some(({ entry }) => entry.name === at.gateway);
}

async function callWith(
  mesh: LocalMeshFixture,
  { at, path: target, args = [] }: ShownCall,
  expectations: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const address = typeof at === 'string' ? mesh.http(at) : mesh.gateway(80, at.gateway);
  const expects = expectations.flatMap((expectation) => ['--expect', expectation]);
  const { code, stdout, stderr } = await runProgram(['call', `${address}${target}`, ...args, ...expects]);
  return { code, output: `${target}\n${stdout}${stderr}` };
}

/** Asserts that each file of a folder of samples is tested or skipped with a reason. A new file would be neither. */
export function assertAllTested(
  samples: string,
  folder: string,
  cases: readonly PolicyCase[],
  skipped: Readonly<Record<string, string>>,
): void {
  const tested = cases.flatMap(({ files }) => files).filter((file) => path.dirname(file) === folder);
  const names = new Set([...tested.map((file) => path.basename(file)), ...Object.keys(skipped)]);
  assert.deepEqual([...names].sort(), readdirSync(path.join(samples, folder)).sort());
}
