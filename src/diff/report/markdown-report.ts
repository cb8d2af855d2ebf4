import type { Comparison } from '../comparison.ts';
import type { Difference } from '../difference.ts';
import { changedEdgeRows, explainLine } from './explain.ts';
import { causeWithValues, type ReportLine, reportLines } from './report-lines.ts';
import { summaryText } from './text-report.ts';

/** Limit of a comment on a pull request, in characters: GitHub accepts 65,536. */
export const mostMarkdownCharacters = 60_000;

/** Characters that are kept for the mark of a report that was cut. */
const markCharacters = 200;

/** Columns of texts in blocks of code. */
const codeColumns = 120;

/**
 * Formats a comparison for a comment on a pull request, with details folded.
 *
 * @param caseOf returns the case that shows a difference; undefined if it cannot be written
 */
export function markdownReport(comparison: Comparison, caseOf: (difference: Difference) => string | undefined): string {
  const lines = reportLines(comparison);
  const writer = new LimitedText(mostMarkdownCharacters - markCharacters);
  writer.add(`### meshmock diff\n\n${escapeMarkdown(summaryText(comparison, lines))}\n`);
  if (lines.length > 0) {
    writer.add('\n| | edge | requests | before | after | cause |\n| --: | --- | --- | --- | --- | --- |\n');
    for (const line of lines) writer.add(tableRow(line));
  }
  const { changedEdges, notCompared, warnings } = comparison;
  if (warnings.length > 0)
    writer.add(
      `\nWarnings about the new manifests:\n\n${warnings.map((text) => `- ${escapeMarkdown(text)}\n`).join('')}`,
    );
  if (notCompared.length > 0) {
    const texts = [
      ...new Set(notCompared.map(({ subject, reason }) => `- ${code(subject)}: ${escapeMarkdown(reason)}\n`)),
    ];
    writer.add(details(`Not compared: ${texts.length}`, texts.join('')));
  }
  if (changedEdges.length > 0)
    writer.add(details('Edges with another configuration', `${fence(changedEdgeRows(comparison).join('\n'))}\n`));
  for (const line of lines) {
    const explained = explainLine(line, comparison, { width: codeColumns, caseOf });
    writer.add(details(`${line.number}: ${line.edge} ${line.requests}`, `${fence(explained)}\n`));
  }
  return writer.isCut
    ? `${writer.text}\n_The report was cut at ${mostMarkdownCharacters} characters. \`meshmock diff\` prints all ${lines.length} differences._\n`
    : writer.text;
}

/** Text that leaves out parts for which it has no room. */
class LimitedText {
  text = '';
  isCut = false;
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  add(part: string): void {
    if (this.text.length + part.length <= this.most) this.text += part;
    else this.isCut = true;
  }
}

function tableRow(line: ReportLine): string {
  const { number, edge, requests, from, to, where } = line;
  const causes = [causeWithValues(line), ...where].filter((text) => text !== '').map(escapeMarkdown);
  const cells = [String(number), escapeMarkdown(edge), code(requests), code(from), code(to), causes.join('<br>')];
  return `| ${cells.join(' | ')} |\n`;
}

function details(summary: string, content: string): string {
  return `\n<details><summary>${escapeHtml(summary)}</summary>\n\n${content}\n</details>\n`;
}

/** Returns a text as code in a cell of a table. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const ticks = '`'.repeat(longest + 1);
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return text === '' ? '' : `${ticks}${pad}${oneLine(text).replaceAll('|', '\\|')}${pad}${ticks}`;
}

function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const ticks = '`'.repeat(longest + 1);
  return `${ticks}\n${text.trimEnd()}\n${ticks}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

function escapeHtml(text: string): string {
  return oneLine(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Escapes a text for Markdown, so that names and values keep their characters and mention nobody. */
function escapeMarkdown(text: string): string {
  return escapeHtml(text)
    .replaceAll(/[\\`*_[\]|~#]/g, '\\$&')
    .replaceAll('@', '@\u200b');
}
