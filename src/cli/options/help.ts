import { describeOption, flagOf, type Option, type Schema, type Switch } from '../../options/options.ts';
import { wrapWords } from '../../render/terminal-text.ts';

/** Widest line of a help text, in columns: a projector shows no more. */
const width = 80;
/** Widest flag that shares its line with its help. */
const widestFlag = 24;

/** Parts of the help of a command or subcommand. */
export interface HelpText {
  /** Command lines, without `meshmock`. */
  readonly usage: readonly string[];
  /** Effect of the command, in one sentence. */
  readonly summary: string;
  /** Paragraphs that follow the summary; each is wrapped. */
  readonly about?: readonly string[];
  readonly schema?: Schema;
  /** Further sections, laid out already. */
  readonly sections?: readonly { readonly title: string; readonly text: string }[];
  readonly examples?: readonly string[];
  /** Last paragraphs, wrapped. */
  readonly notes?: readonly string[];
}

/** Lays out the help of a command within 80 columns. */
export function formatHelp({
  usage,
  summary,
  about = [],
  schema,
  sections = [],
  examples = [],
  notes = [],
}: HelpText): string {
  const paragraphs = [summary, ...about].map((text) => wrapWords(text, width).join('\n'));
  return [
    usage.map((line, index) => `${index === 0 ? 'Usage: ' : '       '}meshmock ${line}`).join('\n'),
    ...paragraphs,
    ...(schema === undefined || Object.keys(schema).length === 0 ? [] : [`Options:\n${optionLines(schema)}`]),
    ...sections.map(({ title, text }) => `${title}:\n${text}`),
    ...(examples.length === 0 ? [] : [`Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`]),
    ...notes.map((text) => wrapWords(text, width).join('\n')),
  ].join('\n\n');
}

/** Lays out the options of a command: flags on the left, what they do on the right. */
export function optionLines(schema: Schema): string {
  const rows = Object.entries(schema).map(([name, option]) => ({
    flag: flagText(name, option),
    help: describeOption(option),
  }));
  return twoColumns(rows.map(({ flag, help }) => [flag, help] as const));
}

/** Lays out pairs in two columns; a left side that is too long has its own line. */
export function twoColumns(rows: readonly (readonly [left: string, right: string])[]): string {
  const lefts = rows.map(([left]) => left.length).filter((length) => length <= widestFlag);
  const column = 2 + Math.max(0, ...lefts) + 2;
  return rows
    .flatMap(([left, right]) => {
      const lines = wrapWords(right, width - column).map((line) => ' '.repeat(column) + line);
      const [first = ''] = lines;
      const isLong = left.length > column - 4;
      return isLong ? [`  ${left}`, ...lines] : [`  ${left}`.padEnd(column) + first.slice(column), ...lines.slice(1)];
    })
    .join('\n');
}

function flagText(name: string, option: Option<unknown> | Switch): string {
  if (option.isSwitch) return flagOf(name);
  const short = (option.aliases ?? []).filter((alias) => /^-\w$/.test(alias));
  return `${[...short, flagOf(name)].join(', ')} ${option.value}`;
}
