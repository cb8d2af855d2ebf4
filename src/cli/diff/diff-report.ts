import type { Comparison } from '../../diff/comparison.ts';
import type { Difference, Severity } from '../../diff/difference.ts';
import { jsonReport, junitSuite } from '../../diff/report/data-reports.ts';
import { changedEdgeRows, explainLine } from '../../diff/report/explain.ts';
import { markdownReport } from '../../diff/report/markdown-report.ts';
import { type ReportLine, reportLines } from '../../diff/report/report-lines.ts';
import { textReport } from '../../diff/report/text-report.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Style } from '../../render/tree-layout.ts';
import { junitXml } from '../output/junit.ts';
import { paintOutput } from '../output/paint.ts';
import { terminalWidth } from '../output/terminal-width.ts';
import type { DiffSettings } from './diff-options.ts';

/**
 * Returns the report of a comparison in the format of the settings, or the explanation of one of its lines.
 *
 * @param caseOf returns the case for `meshmock test` that shows a difference; undefined if it cannot be written
 * @throws MeshmockError `usage` if the report has no such line
 */
export function reportText(
  comparison: Comparison,
  { format, explain }: Pick<DiffSettings, 'format' | 'explain'>,
  caseOf: (difference: Difference) => string | undefined,
): string {
  const width = terminalWidth();
  const explainAt = (line: ReportLine): string => explainLine(line, comparison, { width, caseOf });
  if (explain !== undefined) {
    const rows = changedEdgeRows(comparison);
    return `${explainAt(lineAt(comparison, explain))}${rows.length === 0 ? '' : `\n${rows.join('\n')}\n`}`;
  }
  switch (format) {
    case 'text':
      return textReport(comparison, { width, paint: (severity, text) => paintOutput(styles[severity], text) });
    case 'markdown':
      return markdownReport(comparison, caseOf);
    case 'json':
      return jsonReport(comparison);
    case 'junit':
      return junitXml([junitSuite(comparison, explainAt)]);
  }
}

function lineAt(comparison: Comparison, number: number): ReportLine {
  const lines = reportLines(comparison);
  const line = lines.find((one) => one.number === number);
  if (line !== undefined) return line;
  throw new MeshmockError('usage', `--explain ${number}: the report has ${lines.length} lines`);
}

const styles: Readonly<Record<Severity, Style>> = {
  refused: 'bad',
  allowed: 'bad',
  destination: 'notice',
  share: 'notice',
  resilience: 'notice',
  request: 'faint',
  answer: 'faint',
  cosmetic: 'faint',
};
