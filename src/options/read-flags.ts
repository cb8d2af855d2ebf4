import { parseArgs } from 'node:util';
import { MeshmockError } from '../error/meshmock-error.ts';
import { didYouMean } from '../error/suggestion.ts';

/** Spelling of a flag, such as `--header` or `-H`. */
export interface FlagSpelling {
  /** Name of the setting in the schema. */
  readonly name: string;
  /** Flag with its dashes. */
  readonly written: string;
  readonly takesValue: boolean;
}

/** Texts of a setting, as the user gave them. */
export interface Found {
  /** Flag or variable as it was written; empty if there was none. */
  readonly source: string;
  readonly texts: readonly string[];
}

/** Shortest flag, with its dashes, for which a suggestion is more than a guess. */
const shortestSuggested = 4;

/**
 * Reads the flags of a command line, with one dash or two.
 *
 * @returns the texts by the name of the setting, and the arguments that are not flags
 * @throws MeshmockError `usage` for an unknown flag, or a flag with a missing or needless value
 */
export function readFlags(
  spellings: readonly FlagSpelling[],
  args: readonly string[],
): { readonly flags: ReadonlyMap<string, Found>; readonly positionals: readonly string[] } {
  // Keys are flags without their dashes.
  const known = new Map(spellings.map((spelling) => [spelling.written.replace(/^-+/, ''), spelling]));
  const types = [...known].map(
    ([flag, { takesValue }]) => [flag, { type: takesValue ? 'string' : 'boolean', multiple: true }] as const,
  );
  const options = Object.fromEntries(types);
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const written = [...args.slice(0, end).map((arg) => withTwoDashes(arg, known)), ...args.slice(end)];
  try {
    const { values, positionals } = parseArgs({ args: written, options, allowPositionals: true });
    const flags = new Map<string, Found>();
    for (const [flag, texts = []] of Object.entries(values)) {
      const { name, written: source } = known.get(flag) ?? { name: flag, written: flag };
      flags.set(name, { source, texts: [...(flags.get(name)?.texts ?? []), ...(texts as string[])] });
    }
    return { flags, positionals };
  } catch (error) {
    throw new MeshmockError('usage', flagProblem(error as NodeJS.ErrnoException, known, args));
  }
}

/**
 * Accepts flags that users of servicemock and curl type: with one dash (`-listenAddress localhost:8081`, `-H`), and with
 * a value that follows a letter without a space (`-XPOST`).
 */
function withTwoDashes(arg: string, known: ReadonlyMap<string, FlagSpelling>): string {
  const [, flag] = /^-([A-Za-z][A-Za-z-]*)(?:=|$)/.exec(arg) ?? [];
  if (flag !== undefined && known.has(flag)) return `-${arg}`;
  const [, letter = '', value] = /^-([A-Za-z])(.+)$/s.exec(arg) ?? [];
  return value !== undefined && known.get(letter)?.takesValue ? `--${letter}=${value}` : arg;
}

/** Says what is wrong with a flag, and which flag was probably meant. */
function flagProblem(
  { code, message }: NodeJS.ErrnoException,
  known: ReadonlyMap<string, FlagSpelling>,
  args: readonly string[],
): string {
  const [, flag = ''] = /'(-[^' ,]*)/.exec(message) ?? [];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return unknownFlag(asTyped(flag, args), [...known.values()]);
  const spelling = known.get(flag.replace(/^-+/, ''));
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' || spelling === undefined)
    return `${message} (--help lists the flags)`;
  const { written, takesValue } = spelling;
  if (!takesValue) return `${written}: expected no value`;
  const isMissing = message.includes('argument missing');
  return `${written}: expected a value${isMissing ? '' : `; one that begins with "-" follows a "=": ${written}=VALUE`}`;
}

function unknownFlag(flag: string, known: readonly FlagSpelling[]): string {
  const names = known.map(({ written }) => written);
  const hint = flag.length < shortestSuggested ? '' : didYouMean(flag, names);
  return `unknown flag "${flag}"${hint === '' ? ' (--help lists the flags)' : hint}`;
}

/** Returns the whole flag, since `parseArgs` reads one dash as a group of letters and names the first one. */
function asTyped(flag: string, args: readonly string[]): string {
  return args.find((arg) => /^-[^-]/.test(arg) && arg.startsWith(flag))?.replace(/=.*$/s, '') ?? flag;
}
