import type { Case, CaseFile } from './case.ts';
import type { Phase } from './mesh-under-test.ts';

/** Cases that run in one phase of a file. */
export interface PhaseRun {
  readonly phase: Phase;
  /** Title in reports; empty for a file without a change. */
  readonly title: string;
  readonly cases: readonly CaseInPhase[];
}

/** A case, and whether it must pass or fail in its phase. */
export interface CaseInPhase {
  readonly testCase: Case;
  readonly mustPass: boolean;
}

/**
 * Returns the phases of a file in their order. Phases without a case are left out.
 *
 * @param contrast whether cases of the change must also fail without it, and `before` cases with it
 */
export function phaseRunsOf(file: CaseFile, contrast: boolean): PhaseRun[] {
  return allPhaseRuns(file, contrast).filter(({ cases }) => cases.length > 0);
}

function allPhaseRuns({ change, before, cases, always }: CaseFile, contrast: boolean): PhaseRun[] {
  const passing = (all: readonly Case[]): CaseInPhase[] => all.map((testCase) => ({ testCase, mustPass: true }));
  const failing = (all: readonly Case[]): CaseInPhase[] => all.map((testCase) => ({ testCase, mustPass: false }));
  if (change.length === 0) return [{ phase: 'after', title: '', cases: passing([...cases, ...always]) }];
  const withoutChange = passing([...before, ...always]);
  const withChange = passing([...cases, ...always]);
  if (!contrast)
    return [
      { phase: 'before', title: 'before the change', cases: withoutChange },
      { phase: 'after', title: 'with the change', cases: withChange },
    ];
  return [
    { phase: 'before', title: 'before the change', cases: [...withoutChange, ...failing(cases)] },
    { phase: 'after', title: 'with the change', cases: [...withChange, ...failing(before)] },
    { phase: 'before', title: 'without the change again', cases: withoutChange },
  ];
}
