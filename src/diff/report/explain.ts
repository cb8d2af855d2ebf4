import { cellsOf, padCells, wrapWords } from '../../render/terminal-text.ts';
import { outcomeText } from '../answer-text.ts';
import { calleeDirectives } from '../callee-directives.ts';
import { callerText } from '../caller-text.ts';
import type { Comparison } from '../comparison.ts';
import type { Difference } from '../difference.ts';
import type { Observation } from '../observation.ts';
import type { Probe, ProbeMode } from '../probe.ts';
import { shownOutcome } from '../secret-texts.ts';
import { type SecretMarks, shownPath, shownValue } from '../secret-values.ts';
import { patternText } from './pattern.ts';
import { causeWithValues, type ReportLine } from './report-lines.ts';

/** Settings of an explanation. */
export interface ExplainSettings {
  /** Columns of the terminal; undefined for no limit. */
  readonly width: number | undefined;
  /** Returns the case for `meshmock test` that shows a difference; undefined if it cannot be written. */
  readonly caseOf: (difference: Difference) => string | undefined;
}

/** Explains a line of a report: the requests, both answers, the commands that repeat them, and the case for a test. */
export function explainLine(line: ReportLine, comparison: Comparison, settings: ExplainSettings): string {
  const [difference] = line.differences;
  if (difference === undefined) return '';
  const { probe } = difference;
  const { secrets } = comparison;
  const seen = comparison.observations.get(probe.id);
  const satisfied = probe.conditions.filter(({ isSatisfied }) => isSatisfied);
  const callers = namesOf(
    line.differences.flatMap((one) => one.probe.speaksFor.map((caller) => callerText(caller, true))),
  );
  const destinations = namesOf(line.differences.map((one) => one.probe.destination.name));
  const written = settings.caseOf(difference);
  const parts = [
    [`${line.edge}   ${line.requests}`, `${line.from} → ${line.to}`],
    [...causeRows(line)],
    [
      `request: ${probe.request.method} ${shownPath(probe.request.path, secrets)}${headersText(difference, secrets)}`,
      ...(satisfied.length === 0 ? [] : [`its conditions: ${patternText(satisfied)}`, conditionsLegend]),
      ...(callers.length > 1 ? [`callers: ${callers.join(', ')}`] : []),
      ...(destinations.length > 1 ? [`destinations: ${destinations.join(', ')}`] : []),
      `requests with this difference: ${new Set(line.differences.map((one) => one.probe.id)).size}`,
    ],
    ...(seen === undefined ? [] : [treeRows(probe, seen, settings.width, secrets)]),
    ...(seen === undefined ? [] : [commandRows(difference, seen.after)]),
    ...(written === undefined ? [] : [['case for meshmock test, which holds after the change:', ...indented(written)]]),
  ];
  return `${parts
    .filter((rows) => rows.length > 0)
    .map((rows) => rows.flatMap((row) => wrapRow(row, settings.width)).join('\n'))
    .join('\n\n')}\n`;
}

const conditionsLegend =
  '  (what routes and policies of both sides ask of requests; those that satisfy the same conditions are one class)';

/** Returns the edges whose configuration differs, those without a difference of behaviour last. */
export function changedEdgeRows({ changedEdges }: Pick<Comparison, 'changedEdges'>): string[] {
  const rows = (differs: boolean): string[] =>
    changedEdges.filter((one) => one.differs === differs).map(({ edge, count }) => `  ${edge} (${count})`);
  const [different, same] = [rows(true), rows(false)];
  return [
    ...(different.length === 0 ? [] : ['edges with another configuration, and other behaviour:', ...different]),
    ...(same.length === 0 ? [] : ['edges with another configuration whose requests show no difference:', ...same]),
  ];
}

function namesOf(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}

function causeRows(line: ReportLine): string[] {
  const cause = causeWithValues(line);
  return [...(cause === '' ? [] : [`cause: ${cause}`]), ...line.where.map((place) => `       ${place}`)];
}

function headersText({ probe }: Difference, secrets: SecretMarks): string {
  const { headers, authority, token } = probe.request;
  const parts = [
    ...(authority === undefined ? [] : [`host: ${authority}`]),
    ...headers.map((header) => `${header.name}: ${shownValue(header, secrets)}`),
    ...(token === undefined ? [] : [`a token of ${token.issuer} (${token.state.replace('_', ' ')})`]),
  ];
  return parts.length === 0 ? '' : `  ${parts.join(', ')}`;
}

/** Returns both trees side by side if they fit, else one after the other. */
function treeRows(
  { mode }: Probe,
  { before, after }: { readonly before: Observation; readonly after: Observation },
  width: number | undefined,
  secrets: SecretMarks,
): string[] {
  const left = ['before', ...rowsOf(before.evidence.tree), ...factRows(before, mode, secrets)];
  const right = ['after', ...rowsOf(after.evidence.tree), ...factRows(after, mode, secrets)];
  const widest = Math.max(...left.map(cellsOf));
  const isBeside = width === undefined || widest + sideGap + Math.max(...right.map(cellsOf)) <= width;
  return isBeside
    ? Array.from({ length: Math.max(left.length, right.length) }, (_, index) =>
        `${padCells(left[index] ?? '', widest + sideGap)}${right[index] ?? ''}`.trimEnd(),
      )
    : [...left, '', ...right];
}

/** Returns what a tree of one answer does not show: the counts of many answers, times, attempts and copies. */
function factRows(
  { outcomes, durationMs, attempts, mirrors }: Observation,
  { kind }: ProbeMode,
  secrets: SecretMarks,
): string[] {
  const count = countOf(outcomes);
  return [
    ...(count < 2
      ? []
      : [
          `${count} requests:`,
          ...outcomes.map((one) => `  ${one.count} × ${outcomeText(shownOutcome(one, secrets))}`),
        ]),
    ...(kind === 'slow' || kind === 'delayed' ? [`time: ${Math.round(durationMs)} ms`] : []),
    ...(attempts === undefined ? [] : [`${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`]),
    ...mirrors.map(({ service, version, count: copies }) => `copies: ${service} ${version ?? ''} × ${copies}`),
  ];
}

function countOf(outcomes: Observation['outcomes']): number {
  return outcomes.reduce((sum, one) => sum + one.count, 0);
}

/** Returns the command that repeats the request in a cluster, and how the callee must behave for it. */
function commandRows({ probe }: Difference, { evidence, outcomes }: Observation): string[] {
  if (evidence.command === '') return [];
  const directives = calleeDirectives(probe);
  const count = countOf(outcomes);
  return [
    count === 1 ? 'in a cluster:' : `in a cluster, ${count} times:`,
    `  ${evidence.command}`,
    ...(directives === undefined ? [] : [`  while ${probe.destination.name} follows ${directives}`]),
  ];
}

const sideGap = 4;

function rowsOf(tree: string): string[] {
  return tree.trimEnd().split('\n');
}

function indented(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((row) => `  ${row}`);
}

/** Wraps plain sentences. Trees, commands and YAML keep their lines. */
function wrapRow(row: string, width: number | undefined): string[] {
  const isSentence = /^(?:request|its conditions|callers|destinations|cause): /.test(row);
  return width === undefined || !isSentence ? [row] : wrapWords(row, width);
}
