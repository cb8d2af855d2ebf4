import { type FilePosition, parseFilePosition } from '../../error/file-position.ts';
import { optional } from '../../error/optional.ts';
import { callerText } from '../caller-text.ts';
import type { FieldState } from '../cause.ts';
import type { Comparison } from '../comparison.ts';
import type { Severity } from '../difference.ts';
import type { ProbeRequest } from '../probe.ts';
import { type SecretMarks, shownPath, shownValue } from '../secret-values.ts';
import { causeWithValues, type ReportLine, reportLines } from './report-lines.ts';

/**
 * Formats a comparison as JSON for programs.
 *
 * @example
 * JSON.parse(jsonReport(comparison)).differences[0].severity; // 'refused'
 */
export function jsonReport(comparison: Comparison): string {
  const { counts, changedEdges, notCompared, warnings, phases } = comparison;
  const report = {
    counts,
    changedEdges,
    differences: reportLines(comparison).map((line) => jsonLine(line, comparison.secrets)),
    notCompared,
    warnings,
    phases: phases.map(({ name, durationMs }) => ({ name, durationMs: Math.round(durationMs) })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function jsonLine({ differences, change, ...line }: ReportLine, secrets: SecretMarks): unknown {
  const probes = [...new Map(differences.map(({ probe }) => [probe.id, probe])).values()];
  const callers = probes.flatMap(({ speaksFor }) => speaksFor.map((caller) => callerText(caller, true)));
  return {
    ...line,
    before: jsonValue(change?.before),
    after: jsonValue(change?.after),
    callers: [...new Set(callers)].toSorted(),
    destinations: [...new Set(probes.map(({ destination }) => `${destination.host}:${destination.port}`))].toSorted(),
    probes: probes.map(({ id, request, mode }) => ({ id, request: shownRequest(request, secrets), mode })),
  };
}

/** Returns a request without secret values of headers. */
function shownRequest(request: ProbeRequest, secrets: SecretMarks): ProbeRequest {
  const headers = request.headers.map((header) => ({ ...header, value: shownValue(header, secrets) }));
  return { ...request, path: shownPath(request.path, secrets), headers };
}

/** Returns the value of a field, or null if there is none; undefined, which JSON leaves out, if it is not shown. */
function jsonValue(state: FieldState | undefined): unknown {
  switch (state?.kind) {
    case undefined:
    case 'hidden':
      return undefined;
    case 'absent':
      return null;
    case 'value':
      return state.value;
  }
}

/** Suite of a report as JUnit, in the form that the writer of JUnit files takes. */
export interface DiffSuite {
  readonly name: string;
  readonly cases: readonly DiffCase[];
  /** Warnings about NEW; empty if there are none. */
  readonly output: string;
}

interface DiffCase {
  readonly name: string;
  readonly durationMs: number;
  /** Position of the changed field that caused the difference, if it is known. */
  readonly position?: FilePosition;
  readonly outcome:
    | { readonly kind: 'passed'; readonly output: string }
    | { readonly kind: 'failure'; readonly message: string; readonly details: string }
    | { readonly kind: 'skipped'; readonly message: string };
}

/**
 * Returns a comparison as a suite: a failed case for each difference, or one case that passed. What was not compared is
 * skipped.
 *
 * @param explain returns the explanation of a line
 */
export function junitSuite(comparison: Comparison, explain: (line: ReportLine) => string): DiffSuite {
  const lines = reportLines(comparison);
  const durationMs = comparison.phases.reduce((sum, phase) => sum + phase.durationMs, 0);
  const output = `${comparison.counts.requests} requests were compared`;
  const equal: DiffCase = { name: 'no behaviour differs', durationMs, outcome: { kind: 'passed', output } };
  const different = lines.map((line, index): DiffCase => {
    const cause = causeWithValues(line);
    const [where = ''] = line.where;
    return {
      name: `${line.edge} ${line.requests}: ${line.kind}`,
      durationMs: index === 0 ? durationMs : 0,
      ...optional('position', parseFilePosition(`${where}:1`)),
      outcome: {
        kind: 'failure',
        message: `${line.from} → ${line.to}${cause === '' ? '' : ` (${cause})`}`,
        details: explain(line),
      },
    };
  });
  const notCompared = new Set(comparison.notCompared.map(({ subject, reason }) => `${subject}: ${reason}`));
  const skipped = [...notCompared].map(
    (name): DiffCase => ({ name, durationMs: 0, outcome: { kind: 'skipped', message: 'not compared' } }),
  );
  return {
    name: 'meshmock diff',
    cases: [...(lines.length === 0 ? [equal] : different), ...skipped],
    output: comparison.warnings.map((warning) => `warning: ${warning}`).join('\n'),
  };
}

/**
 * Returns the exit code of a comparison, as diff has it: 0 for the same, 1 for different.
 *
 * @param failOn severities that count as different; empty for all
 */
export function exitCodeOf(lines: readonly ReportLine[], failOn: readonly Severity[]): 0 | 1 {
  return lines.some(({ severity }) => failOn.length === 0 || failOn.includes(severity)) ? 1 : 0;
}
