import { stripVTControlCharacters } from 'node:util';
import type { Case } from '../../cases/case.ts';
import type { RequestBatch } from '../../send/request-batch.ts';
import type { JunitCase, JunitSuite } from '../output/junit.ts';
import {
  type CaseResult,
  caseTitle,
  detailLines,
  type FileResult,
  type Outcome,
  refusedTitle,
  rerunCommand,
  untestedOf,
} from './case-result.ts';

/**
 * The cases of a file for a CI server.
 *
 * @param failUntested whether it is a failure when something is untested
 */
export function junitSuite(file: FileResult, failUntested: boolean): JunitSuite {
  const { name, cases, problem } = file;
  const untested = failUntested ? untestedOf(file) : [];
  return {
    name,
    cases: [
      ...cases.map(junitCase),
      ...(problem === undefined ? [] : [ownCase(refusedTitle, 'error', problem)]),
      ...untested.map(({ object, part, where }) =>
        ownCase(`${object}: ${part}`, 'failure', `untested: no case has met it (${where})`),
      ),
    ],
  };
}

/** Of what is wrong with a file, not with one of its cases. */
function ownCase(name: string, kind: 'error' | 'failure', message: string): JunitCase {
  return { name, durationMs: 0, outcome: { kind, message } };
}

function junitCase(result: CaseResult): JunitCase {
  const { phaseTitle, outcome, durationMs } = result;
  const name = phaseTitle === '' ? caseTitle(result) : `${phaseTitle}: ${caseTitle(result)}`;
  // Colours are for the terminal that the run has, if it has one.
  const lines = detailLines(result).map((line) => stripVTControlCharacters(line));
  switch (outcome.kind) {
    case 'passed':
      return {
        name,
        durationMs,
        outcome: { kind: 'passed', output: (outcome.round?.verdicts ?? []).map(({ seen }) => seen).join('\n') },
      };
    case 'skipped':
      return { name, durationMs, outcome: { kind: 'skipped', message: outcome.reason } };
    case 'not_run':
      return { name, durationMs, outcome: { kind: 'skipped', message: `not run: ${outcome.reason}` } };
    case 'failed':
      return {
        name,
        durationMs,
        outcome: {
          kind: 'failure',
          message: lines.slice(0, 2).join(', ').replace(/ +/g, ' '),
          details: lines.join('\n'),
        },
      };
    case 'unreachable':
    case 'refused':
      return { name, durationMs, outcome: { kind: 'error', message: lines.join('\n') } };
  }
}

/** The cases of all files for programs. */
export function jsonReport(results: readonly FileResult[]): object {
  return {
    files: results.map(({ name, cases, problem, coverage }) => ({
      file: name,
      ...(problem === undefined ? {} : { problem }),
      cases: cases.map(({ testCase, phaseTitle, mustPass, outcome, durationMs }) => ({
        name: testCase.name,
        where: testCase.where,
        ...(phaseTitle === '' ? {} : { step: phaseTitle, hasToHold: mustPass }),
        outcome: outcome.kind,
        durationMs: Math.round(durationMs),
        ...shownOutcome(testCase, outcome),
      })),
      ...coverage,
    })),
  };
}

function shownOutcome(testCase: Case, outcome: Outcome): object {
  switch (outcome.kind) {
    case 'refused':
      return { problem: outcome.problem };
    case 'not_run':
    case 'skipped':
      return { problem: outcome.reason };
    case 'passed': {
      const { round, unseen } = outcome;
      return { ...(round === undefined ? {} : shownRound(round)), ...(unseen.length === 0 ? {} : { notSeen: unseen }) };
    }
    case 'failed':
    case 'unreachable':
      return { ...shownRound(outcome.round), again: rerunCommand(testCase, outcome.way) };
  }
}

function shownRound({ verdicts, summary, call }: RequestBatch): object {
  return { expectations: verdicts, summary, call };
}
