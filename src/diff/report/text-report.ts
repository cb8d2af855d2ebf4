import { cellsOf, padCells, wrapWords } from '../../render/terminal-text.ts';
import type { Comparison, NotCompared } from '../comparison.ts';
import type { Severity } from '../difference.ts';
import { causeWithValues, type ReportLine, reportLines } from './report-lines.ts';

/** Colours a part of a report. */
export type PaintSeverity = (severity: Severity, text: string) => string;

/** Settings of a report as text. */
export interface TextReportSettings {
  /** Columns of the terminal; undefined for no limit. */
  readonly width: number | undefined;
  readonly paint: PaintSeverity;
}

/** Number of subjects that were not compared and that a report as text lists. */
const mostNotCompared = 10;

/**
 * Formats a comparison for a terminal: a summary, a line for each difference, and what was not compared.
 *
 * @example
 * textReport(comparison, { width: 100, paint: (_, text) => text });
 */
export function textReport(comparison: Comparison, settings: TextReportSettings): string {
  const lines = reportLines(comparison);
  const parts = [
    wrap(summaryText(comparison, lines), settings),
    ...(lines.length === 0 ? [] : [tableRows(lines, settings)]),
    ...notComparedRows(comparison.notCompared, settings),
    ...(lines.length === 0 ? [] : [wrap('--explain N shows a difference with its requests and answers.', settings)]),
  ];
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`;
}

/** Returns the sentence at the start of each report. */
export function summaryText({ counts }: Comparison, lines: readonly ReportLine[]): string {
  const { edges, changedEdges, gateways, changedGateways, requests } = counts;
  const were = requests === 1 ? 'was' : 'were';
  const differ =
    lines.length === 0
      ? 'no behaviour differs'
      : `${plural(lines.length, 'behaviour')} ${lines.length === 1 ? 'differs' : 'differ'}`;
  if (changedEdges === undefined || changedGateways === undefined) {
    const to = [
      ...(edges === 0 ? [] : [plural(edges, 'edge')]),
      ...(gateways === 0 ? [] : [plural(gateways, 'gateway')]),
    ];
    return `${plural(requests, 'request')} to ${to.join(' and ')} of two running meshes ${were} compared, ${differ}.`;
  }
  const parts = [
    `${changedEdges} of ${plural(edges, 'edge')}`,
    ...(gateways === 0 ? [] : [plural(changedGateways, 'gateway')]),
  ];
  const has = changedEdges + changedGateways === 1 ? 'has' : 'have';
  const sent = `${plural(requests, 'request')} ${were} compared`;
  return `${parts.join(' and ')} ${has} another configuration. ${sent}, ${differ}.`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Columns of a line, before its number. */
type Row = readonly [edge: string, requests: string, from: string, to: string, cause: string];

function tableRows(lines: readonly ReportLine[], settings: TextReportSettings): string[] {
  const numberCells = String(lines.length).length;
  const rows = lines.map((line): Row => [line.edge, line.requests, line.from, `→ ${line.to}`, causeCell(line)]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => cellsOf(row[column] ?? ''))));
  const fits = (row: Row): boolean =>
    settings.width === undefined ||
    numberCells + 2 + widths.reduce((sum, cells) => sum + cells + gap, 0) + cellsOf(row[4]) <= settings.width;
  const isTable = rows.every(fits);
  return lines.flatMap((line, index) => {
    const row = rows[index];
    if (row === undefined) return [];
    const number = settings.paint(line.severity, String(line.number).padStart(numberCells));
    const [edge, ...others] = row;
    if (isTable) {
      const cells = row.map((text, column) => padCells(text, widths[column] ?? 0));
      return [`${number}  ${cells.join(' '.repeat(gap)).trimEnd()}`];
    }
    return stackedRows(number, edge, others, numberCells, settings);
  });
}

/** Cells between two columns. */
const gap = 3;

/** Returns a line as several, for a terminal that is too narrow for the table. */
function stackedRows(
  number: string,
  edge: string,
  [requests = '', from = '', to = '', cause = '']: readonly string[],
  numberCells: number,
  settings: TextReportSettings,
): string[] {
  const indent = ' '.repeat(numberCells + 2);
  const width = Math.max(20, (settings.width ?? 80) - indent.length - 2);
  const [first = '', ...rest] = wrapWords(`${edge}   ${requests}`, width);
  const more = [...rest, ...wrapWords(`${from} ${to}`, width), ...(cause === '' ? [] : wrapWords(cause, width))];
  return [`${number}  ${first}`, ...more.map((text) => `${indent}  ${text}`)];
}

function causeCell(line: ReportLine): string {
  const cause = causeWithValues(line);
  const [place, ...others] = line.where;
  if (place === undefined) return cause;
  const file = others.length === 0 ? place : `${place} and ${others.length} more`;
  return cause === '' ? file : `${cause}  ${file}`;
}

function notComparedRows(notCompared: readonly NotCompared[], settings: TextReportSettings): string[][] {
  const texts = [...new Set(notCompared.map(({ subject, reason }) => `${subject}: ${reason}`))];
  if (texts.length === 0) return [];
  const hidden = texts.length - mostNotCompared;
  const shown = texts.slice(0, mostNotCompared).flatMap((text) => wrap(text, settings, '  '));
  const more = hidden > 0 ? [`  and ${hidden} more (--format json lists all)`] : [];
  return [['Not compared:', ...shown, ...more]];
}

function wrap(text: string, { width }: TextReportSettings, indent = ''): string[] {
  if (width === undefined) return [indent + text];
  return wrapWords(text, Math.max(20, width - indent.length)).map((line) => indent + line);
}
