/** The labs in a cluster: their pages' commands, and their cases through a meshmock that is reached from outside. */
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
import { commandsOf, type } from './pages.ts';

/** Those of one round do not get in each other's way. */
const rounds = [
  ['request-routing', 'mtls-migration'],
  ['authorization', 'traffic-shifting'],
];
const labs = rounds.flat();

const longestSettlingMs = 30_000;
const longestCheckMs = 120_000;

/** @param mocks whose namespace default has the labs' mesh */
export function labTests(mocks: () => MockCluster): void {
  const typed = async (chosen: readonly string[], section: string): Promise<void> => {
    for (const lab of chosen) await type(mocks().cluster, commandsOf(pageOf(lab), section));
  };

  /** Tries the cases of a phase until they hold, then those of the other one, which do not. */
  const areIn = async (chosen: readonly string[], phase: Phase, contrast = true): Promise<void> => {
    await using forward = await mocks().cluster.portForward('service/gateway', 8080, 'default');
    const entry = `http://${forward.host}`;
    const holding = await check(chosen, entry, phase, '--retry-until', `${longestSettlingMs}ms`);
    assert.deepEqual(holding, outcomesOf(chosen, phase, 'passed'));
    const other = phase === 'before' ? 'after' : 'before';
    if (contrast) assert.deepEqual(await check(chosen, entry, other), outcomesOf(chosen, other, 'failed'));
  };

  it('without what labs apply, their cases before it hold, and those with it fail', async () => {
    await typed(labs, 'Before');
    await type(mocks().cluster, ['kubectl rollout status deployment --timeout 2m']);
    await areIn(labs, 'before');
  });

  for (const round of rounds)
    it(`with what ${round.join(' and ')} apply, it is the other way round`, async () => {
      try {
        await typed(round, 'After');
        await areIn(round, 'after');
      } finally {
        await typed(round, 'Clean up');
      }
    });

  it('after their clean-up it is as before', async () => {
    const bringNothing = labs.filter((lab) => commandsOf(pageOf(lab), 'Before').length === 0);
    await areIn(bringNothing, 'before', false);
  });
}

const pageOf = (lab: string): string => `istio/labs/${lab}/README.md`;
const casesOf = (lab: string): string => `istio/labs/${lab}/test.yaml`;

type Outcomes = Readonly<Record<string, string>>;

/** What comes of every case that is tried, by its file and name. */
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

/** @param own what comes of the cases of that phase alone; those of both always hold */
function outcomesOf(chosen: readonly string[], phase: Phase, own: 'passed' | 'failed'): Outcomes {
  const all = chosen.map(casesOf).flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const { before, cases, always } = parseCaseFile(text, file, { timeoutMs: 0, retryUntilMs: 0 });
    const as = (outcome: string, some: readonly Case[]) => some.map(({ name }) => [`${file}: ${name}`, outcome]);
    return [...as(own, phase === 'before' ? before : cases), ...as('passed', always)];
  });
  return Object.fromEntries(all);
}

/** What it prints, however it ends: that a case fails may be just what is expected. */
function printed(program: string, args: readonly string[]): Promise<string> {
  const options = { cwd: root, env: cleanEnv(), timeout: longestCheckMs, maxBuffer: 2 ** 26 };
  return new Promise((resolve, reject) => {
    execFile(path.join(root, program), args, options, (error, stdout, stderr) => {
      if (error === null || error.code === 1) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stderr}`));
    });
  });
}
