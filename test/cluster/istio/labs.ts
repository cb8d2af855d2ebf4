/** Tests of the labs in a cluster: the commands of their pages, and their cases through a port-forward to a mock. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import type { Case } from '../../../src/cases/case.ts';
import type { Phase } from '../../../src/cases/mesh-under-test.ts';
import { parseCaseFile } from '../../../src/cli/files/case-file.ts';
import { cleanEnv } from '../../program.ts';
import { root } from '../../repo/pages.ts';
import type { MockCluster } from '../mock-cluster.ts';
import { commandsOf, runCommands } from './pages.ts';

/** Labs in groups. The labs of one round do not affect each other. */
const rounds = [
  ['request-routing', 'mtls-migration'],
  ['authorization', 'traffic-shifting'],
];
const labs = rounds.flat();

const settleTimeoutMs = 60_000;
const checkTimeoutMs = 400_000;

/** @param mocks returns a cluster whose namespace `default` has the labs' mesh */
export function labTests(mocks: () => MockCluster): void {
  const runSection = async (chosen: readonly string[], section: string): Promise<void> => {
    for (const lab of chosen) await runCommands(mocks().cluster, commandsOf(pageOf(lab), section));
  };

  /** Asserts that the cases of a phase pass, and that those of the other phase fail. */
  const assertPhase = async (chosen: readonly string[], phase: Phase, contrast = true): Promise<void> => {
    await using forward = await mocks().cluster.portForward('service/gateway', 8080, 'default');
    const entry = `http://${forward.host}`;
    const outcomes = await check(chosen, entry, phase, '--retry-until', `${settleTimeoutMs}ms`);
    assert.deepEqual(outcomes, expectedOutcomes(chosen, phase, 'passed'));
    const other = phase === 'before' ? 'after' : 'before';
    if (contrast) assert.deepEqual(await check(chosen, entry, other), expectedOutcomes(chosen, other, 'failed'));
  };

  it('the `before` cases of the labs pass without the labs’ change, and the others fail', async () => {
    await runSection(labs, 'Before');
    await runCommands(mocks().cluster, ['kubectl rollout status deployment --timeout 4m']);
    await assertPhase(labs, 'before');
  });

  for (const round of rounds)
    it(`the cases of ${round.join(' and ')} pass with the labs’ change, and the \`before\` cases fail`, async () => {
      try {
        await runSection(round, 'After');
        await assertPhase(round, 'after');
      } finally {
        await runSection(round, 'Clean up');
      }
    });

  it('the `before` cases pass again after the clean-up', async () => {
    const withoutPreparation = labs.filter((lab) => commandsOf(pageOf(lab), 'Before').length === 0);
    await assertPhase(withoutPreparation, 'before', false);
  });
}

const pageOf = (lab: string): string => `istio/labs/${lab}/README.md`;
const casesOf = (lab: string): string => `istio/labs/${lab}/test.yaml`;

type Outcomes = Readonly<Record<string, string>>;

/** Runs the cases of labs, and returns the outcome of each case by its file and name. */
async function check(
  chosen: readonly string[],
  entry: string,
  phase: Phase,
  ...more: readonly string[]
): Promise<Outcomes> {
  const args = [
    ...chosen.map(casesOf),
    '--entry',
    entry,
    '--json',
    ...more,
    ...(phase === 'before' ? ['--before'] : []),
  ];
  const { files } = JSON.parse(await printed('istio/labs/check', args)) as {
    files: { file: string; cases: { name: string; outcome: string }[] }[];
  };
  const all = files.flatMap(({ file, cases }) => cases.map(({ name, outcome }) => [`${file}: ${name}`, outcome]));
  return Object.fromEntries(all.filter(([, outcome]) => outcome !== 'skipped'));
}

/**
 * Returns the expected outcomes of labs' cases.
 *
 * @param outcome outcome of the cases of this phase; the cases of both phases always pass
 */
function expectedOutcomes(chosen: readonly string[], phase: Phase, outcome: 'passed' | 'failed'): Outcomes {
  const all = chosen.map(casesOf).flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const { before, cases, always } = parseCaseFile(text, file, { timeoutMs: 0, retryUntilMs: 0 });
    const withOutcome = (expected: string, some: readonly Case[]) =>
      some.map(({ name }) => [`${file}: ${name}`, expected]);
    return [...withOutcome(outcome, phase === 'before' ? before : cases), ...withOutcome('passed', always)];
  });
  return Object.fromEntries(all);
}

/** Returns the standard output of a program. Exit code 1 is not an error here: cases may be expected to fail. */
function printed(program: string, args: readonly string[]): Promise<string> {
  const options = { cwd: root, env: cleanEnv(), timeout: checkTimeoutMs, maxBuffer: 2 ** 26 };
  return new Promise((resolve, reject) => {
    execFile(path.join(root, program), args, options, (error, stdout, stderr) => {
      if (error === null || error.code === 1) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stderr}`));
    });
  });
}
