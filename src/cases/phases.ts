import type { Case, CaseFile } from './case.ts';
import type { Phase } from './mesh-under-test.ts';

/** Which cases are tried in a phase, and whether they have to hold there. */
export interface PhaseRun {
  readonly phase: Phase;
  /** Empty in a file without a change. */
  readonly title: string;
  readonly cases: readonly { readonly testCase: Case; readonly mustPass: boolean }[];
}

/**
 * What is done for a file, one after the other; steps without a case are none.
 *
 * @param contrast whether cases of a change have to fail without it
 */
export function phaseRunsOf(file: CaseFile, contrast: boolean): PhaseRun[] {
  return allSteps(file, contrast).filter(({ cases }) => cases.length > 0);
}

function allSteps({ change, before, cases, always }: CaseFile, contrast: boolean): PhaseRun[] {
  const holding = (all: readonly Case[]) => all.map((testCase) => ({ testCase, mustPass: true }));
  const failing = (all: readonly Case[]) => all.map((testCase) => ({ testCase, mustPass: false }));
  if (change.length === 0) return [{ phase: 'after', title: '', cases: holding([...cases, ...always]) }];
  const first = holding([...before, ...always]);
  const then = holding([...cases, ...always]);
  if (!contrast)
    return [
      { phase: 'before', title: 'before the change', cases: first },
      { phase: 'after', title: 'with the change', cases: then },
    ];
  return [
    { phase: 'before', title: 'before the change', cases: [...first, ...failing(cases)] },
    { phase: 'after', title: 'with the change', cases: [...then, ...failing(before)] },
    { phase: 'before', title: 'without it again', cases: first },
  ];
}
