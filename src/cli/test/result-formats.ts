import { stripVTControlCharacters } from 'node:util';
import { parseFilePosition } from '../../error/file-position.ts';
import { optional } from '../../error/optional.ts';
import type { RequestBatch } from '../../send/request-batch.ts';
import type { JunitCase, JunitSuite } from '../output/junit.ts';
import {
  type CaseResult,
  detailLines,
  type FileResult,
  type Outcome,
  refusedTitle,
  rerunCommand,
  titleInPhase,
  untestedOf,
} from './case-result.ts';

/**
 * Returns the results of a file as a suite of JUnit.
 *
 * @param failUntested whether an untested part of the manifests is a failure; it is skipped otherwise
 */
export function junitSuite(file: FileResult, failUntested: boolean): JunitSuite {
  const { name, cases, problem, notes } = file;
  const untestedKind = failUntested ? 'failure' : 'skipped';
  return {
    name,
    output: notes.map((note) => `note: ${note}`).join('\n'),
    cases: [
      ...cases.map(junitCase),
      ...(problem === undefined ? [] : [fileCase(refusedTitle, 'error', problem, problem)]),
      ...untestedOf(file).map(({ object, part, where }) =>
        fileCase(`${object}: ${part}`, untestedKind, `untested: no case covers it (${where})`, where),
      ),
    ],
  };
}

/**
 * Returns an additional case for the file itself, or for a part of its manifests.
 *
 * @param where text that begins with the place of the file or part, if it has one
 */
function fileCase(name: string, kind: 'error' | 'failure' | 'skipped', message: string, where: string): JunitCase {
  return { name, durationMs: 0, ...optional('position', parseFilePosition(where)), outcome: { kind, message } };
}

function junitCase(result: CaseResult): JunitCase {
  const { testCase, durationMs } = result;
  const position = parseFilePosition(testCase.where);
  return { name: titleInPhase(result), durationMs, ...optional('position', position), outcome: junitOutcome(result) };
}

function junitOutcome(result: CaseResult): JunitCase['outcome'] {
  const { outcome } = result;
  // Colors are only for the terminal.
  const lines = detailLines(result).map((line) => stripVTControlCharacters(line));
  switch (outcome.kind) {
    case 'passed':
      return { kind: 'passed', output: (outcome.batch?.verdicts ?? []).map(({ seen }) => seen).join('\n') };
    case 'skipped':
      return { kind: 'skipped', message: outcome.reason };
    case 'not_run':
      return { kind: 'skipped', message: `not run: ${outcome.reason}` };
    case 'failed': {
      const message = lines.slice(0, 2).join(', ').replace(/ +/g, ' ');
      return { kind: 'failure', message, details: lines.join('\n') };
    }
    case 'unreachable':
    case 'refused':
      return { kind: 'error', message: lines.join('\n') };
  }
}

/** Returns the results of all files for `--json`. */
export function jsonReport(results: readonly FileResult[]): object {
  return {
    files: results.map(({ name, cases, problem, notes, coverage }) => ({
      file: name,
      ...optional('problem', problem),
      ...(notes.length === 0 ? {} : { notes }),
      cases: cases.map(({ testCase, phaseTitle, mustPass, outcome, durationMs }) => ({
        name: testCase.name,
        where: testCase.where,
        ...(phaseTitle === '' ? {} : { step: phaseTitle, hasToHold: mustPass }),
        outcome: outcome.kind,
        durationMs: Math.round(durationMs),
        ...outcomeJson(outcome),
      })),
      ...coverage,
    })),
  };
}

function outcomeJson(outcome: Outcome): object {
  switch (outcome.kind) {
    case 'refused':
      return { problem: outcome.problem };
    case 'not_run':
    case 'skipped':
      return { problem: outcome.reason };
    case 'passed': {
      const { batch, notSeen } = outcome;
      return { ...(batch === undefined ? {} : batchJson(batch)), ...(notSeen.length === 0 ? {} : { notSeen }) };
    }
    case 'failed':
    case 'unreachable':
      return { ...batchJson(outcome.batch), again: rerunCommand(outcome.route) };
  }
}

function batchJson({ verdicts, summary, call }: RequestBatch): object {
  return { expectations: verdicts, summary, call };
}
