import { cellsOf, cutStart, joinNotes, padCells, printable, wrapNotes } from './terminal-text.ts';
import type { TreeRow } from './tree-rows.ts';

/** Meaning of a piece of text, which a terminal shows by its colour. */
export type Style = 'good' | 'notice' | 'bad' | 'faint';

/** Puts a piece of text into the colour of a style. */
export type Paint = (style: Style, text: string) => string;

const gap = '  ';
const widestBar = 24;
const narrowestBar = 8;
/** Cells of a shortened pod's name. The end of a name differs from pod to pod, because Kubernetes makes it at random. */
const shortPod = 11;
/** Cells of a pod's name in a narrow terminal without bars. */
const shortestPod = 6;

/** Widths of the columns, in cells. */
interface Columns {
  readonly label: number;
  readonly outcome: number;
  readonly time: number;
  /** 0 if the line has no room for bars. */
  readonly bar: number;
  /** Width of the whole line. */
  readonly line: number;
}

/** A row whose texts are safe to print. */
interface PrintableRow extends TreeRow {
  readonly time: string;
}

/** Draws rows as lines with aligned columns, in a width of cells that may be infinite. */
export function drawRows(rows: readonly TreeRow[], paint: Paint, width: number): string[] {
  const printableRows = rows.map(toPrintable);
  const columns = columnsFor(printableRows, width);
  const totalMs = rows[0]?.durationMs ?? 0;
  return printableRows.flatMap((row) => drawRow(row, columns, totalMs, paint));
}

function toPrintable(row: TreeRow): PrintableRow {
  return {
    ...row,
    name: printable(row.name),
    pod: row.pod === undefined ? undefined : printable(row.pod),
    outcome: printable(row.outcome),
    notes: row.notes.map(printable),
    time: `${row.durationMs.toFixed(1)} ms`,
  };
}

function columnsFor(rows: readonly PrintableRow[], line: number): Columns {
  const outcome = widest(rows.map((row) => row.outcome));
  const time = widest(rows.map((row) => row.time));
  const numbers = gap.length + outcome + gap.length + time;
  const wholeLabel = most(rows.map((row) => labelCells(row, Number.POSITIVE_INFINITY)));
  const shortLabel = most(rows.map((row) => labelCells(row, shortPod)));
  const roomBesideBar = line - numbers - gap.length - narrowestBar;
  if (shortLabel > roomBesideBar) {
    return { label: Math.min(wholeLabel, Math.max(0, line - numbers)), outcome, time, bar: 0, line };
  }
  const label = Math.min(wholeLabel, roomBesideBar);
  return { label, outcome, time, bar: barWidth(rows, line - label - numbers - gap.length), line };
}

/** Returns the widest bar that leaves the notes on their row, as far as the narrowest bar would leave them there. */
function barWidth(rows: readonly PrintableRow[], room: number): number {
  const notes = rows.map((row) => gap.length + cellsOf(joinNotes(row.notes)));
  const besideBar = notes.filter((cells) => cells > gap.length && narrowestBar + cells <= room);
  return Math.max(narrowestBar, Math.min(widestBar, room - most(besideBar)));
}

function widest(texts: readonly string[]): number {
  return most(texts.map(cellsOf));
}

/** Returns the largest number, or 0. `Math.max` takes its numbers as arguments, and too many of these throw. */
function most(numbers: readonly number[]): number {
  return numbers.reduce((largest, number) => Math.max(largest, number), 0);
}

function labelCells({ branch, name, pod }: PrintableRow, longestPod: number): number {
  return cellsOf(branch + name) + (pod === undefined ? 0 : ' ()'.length + Math.min(longestPod, cellsOf(pod)));
}

/** Shortens the pod, then the tree's lines, until the label fits. The name stays whole, even if it does not fit. */
function fitLabel({ branch, name, pod }: PrintableRow, room: number): string {
  const roomForPod = room - cellsOf(branch + name) - ' ()'.length;
  const suffix = pod === undefined ? '' : ` (${cutStart(pod, Math.max(shortestPod, roomForPod))})`;
  return cutBranch(branch, room - cellsOf(name + suffix)) + name + suffix;
}

/** Shortens the tree's lines from the start. At least the last part stays, such as `└─ `. */
function cutBranch(branch: string, room: number): string {
  return cutStart(branch, Math.max('…└─ '.length, room));
}

function drawRow(row: PrintableRow, columns: Columns, totalMs: number, paint: Paint): string[] {
  const label = padCells(fitLabel(row, columns.label), columns.label);
  const outcome = padCells(row.outcome, columns.outcome);
  const numbers = [row.time.padStart(columns.time), ...(columns.bar === 0 ? [] : [bar(row, totalMs, columns.bar)])];
  const painted = paint(styleOf(row.outcome), row.outcome) + outcome.slice(row.outcome.length);
  const line = [label, painted, ...numbers].join(gap);
  const note = joinNotes(row.notes);
  if (note === '') return [line];
  if (cellsOf([label, outcome, ...numbers].join(gap)) + gap.length + cellsOf(note) <= columns.line)
    return [line + gap + paint('faint', note)];
  const below = cutBranch(row.branchBelow, Math.floor(columns.line / 2));
  return [line, ...wrapNotes(row.notes, columns.line - cellsOf(below)).map((text) => below + paint('faint', text))];
}

function styleOf(outcome: string): Style {
  if (/^[23]/.test(outcome)) return 'good';
  return outcome.startsWith('4') ? 'notice' : 'bad';
}

/** Draws when a call ran, on the scale of the whole request: at least one block, never beyond the end. */
function bar({ startMs, durationMs }: TreeRow, totalMs: number, width: number): string {
  const scale = totalMs > 0 ? width / totalMs : 0;
  const start = Math.min(width - 1, Math.floor(startMs * scale));
  const end = Math.min(width, Math.max(start + 1, Math.round((startMs + durationMs) * scale)));
  return `${'·'.repeat(start)}${'█'.repeat(end - start)}${'·'.repeat(width - end)}`;
}
