import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { yesOrNo } from './option-values.ts';
import { type FlagSpelling, type Found, readFlags } from './read-flags.ts';

/** Flag without a value. Its variable has the value `true` or `false`. */
export interface Switch {
  readonly isSwitch: true;
  /** One clause that says what the flag does. */
  readonly help: string;
}

/** Setting of a command. It makes the flag, the variable, the default, the type, the help and the row of the docs. */
export interface Option<T> {
  readonly isSwitch?: never;
  /** Reads the text of a flag or variable. @throws MeshmockError `usage` */
  readonly parse: (text: string) => T;
  /** Text of the value if neither flag nor variable is set; absent if the setting may stay unset. */
  readonly default?: string;
  /** Placeholder of the value in the help, such as `ADDRESS`. */
  readonly value: string;
  /** One clause that says what the setting does. */
  readonly help: string;
  /** True if the flag may be repeated; a variable separates its values by spaces. */
  readonly repeatable?: true;
  /** Other names of the flag (`-H`) and of the variable (`PROXYURL`). */
  readonly aliases?: readonly string[];
  /** All values, for shell completion; absent if the set is not closed. */
  readonly choices?: readonly string[];
  /** True if the value is a path, for shell completion. */
  readonly isPath?: true;
}

export type Schema = Readonly<Record<string, Option<unknown> | Switch>>;

type ValueOf<O> = O extends Switch
  ? boolean
  : O extends Option<infer T>
    ? O extends { readonly repeatable: true }
      ? readonly T[]
      : O extends { readonly default: string }
        ? T
        : T | undefined
    : never;

export type Values<S extends Schema> = { readonly [Name in keyof S]: ValueOf<S[Name]> };

export interface Parsed<S extends Schema> {
  readonly values: Values<S>;
  /** Arguments that are not flags. */
  readonly positionals: readonly string[];
  /** Names under which settings were given, as they were written. */
  readonly given: ReadonlySet<string>;
}

/** Returns the flag of a setting, from its name in the schema. */
export const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Returns the environment variable of a setting, from its name in the schema. */
export const variableOf = (name: string): string =>
  `MESHMOCK_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;

/** Returns all flags of a setting, with their dashes. */
export function flagsOf(name: string, option: Option<unknown> | Switch): string[] {
  const aliases = option.isSwitch ? [] : (option.aliases ?? []);
  return [flagOf(name), ...aliases.filter((alias) => alias.startsWith('-'))];
}

/** Returns all environment variables of a setting. The first one that is set counts. */
export function variablesOf(name: string, option: Option<unknown> | Switch): string[] {
  const aliases = option.isSwitch ? [] : (option.aliases ?? []);
  return [variableOf(name), ...aliases.filter((alias) => !alias.startsWith('-'))];
}

/**
 * Reads the settings of a command. A flag wins over its environment variable, and that over its default.
 *
 * @example
 * const schema = { repeat: { parse: Number, default: '1', value: 'N', help: 'number of requests' } } as const;
 * parseOptions(schema, ['--repeat', '3', '/x'], {}).values.repeat; // 3
 *
 * @throws MeshmockError `usage` with the flag or variable that is wrong
 */
export function parseOptions<S extends Schema>(schema: S, args: readonly string[], env: NodeJS.ProcessEnv): Parsed<S> {
  const given = new Set<string>();
  const { flags, positionals } = readFlags(spellingsOf(schema), args);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(schema)) {
    if (option.isSwitch) {
      values[name] = flags.has(name) || isSwitchedOn(name, env);
      continue;
    }
    const found = flags.get(name) ?? readVariable(name, option, env);
    if (found.source !== '') given.add(found.source);
    const { texts } = found;
    const parse = (text: string): unknown => parseFrom(found.source, text, option);
    if (option.repeatable) values[name] = (texts.length > 0 ? texts : defaultsOf(option)).map(parse);
    else values[name] = mapDefined(texts.at(-1) ?? option.default, parse);
  }
  return { values: values as Values<S>, positionals, given };
}

/** Reports whether the variable of a switch turns it on. @throws MeshmockError `usage` for another value than true or false */
function isSwitchedOn(name: string, env: NodeJS.ProcessEnv): boolean {
  const variable = variableOf(name);
  const text = env[variable] ?? '';
  return text !== '' && parseFrom(variable, text, { parse: yesOrNo });
}

function defaultsOf(option: Option<unknown>): readonly string[] {
  return option.default === undefined ? [] : [option.default];
}

function mapDefined<T>(text: string | undefined, map: (text: string) => T): T | undefined {
  return text === undefined ? undefined : map(text);
}

/**
 * Parses the text of a setting.
 *
 * @param source flag or variable, for the error
 * @throws MeshmockError `usage` that begins with the source
 */
export function parseFrom<T>(source: string, text: string, { parse }: Pick<Option<T>, 'parse'>): T {
  try {
    return parse(text);
  } catch (error) {
    const { message, place } = error as MeshmockError;
    throw new MeshmockError('usage', `${source}: ${message}`, optional('place', place));
  }
}

/** Returns the spellings of every flag of a command. */
function spellingsOf(schema: Schema): FlagSpelling[] {
  return Object.entries(schema).flatMap(([name, option]) =>
    flagsOf(name, option).map((written) => ({ name, written, takesValue: option.isSwitch !== true })),
  );
}

function readVariable(name: string, option: Option<unknown>, env: NodeJS.ProcessEnv): Found {
  const source = variablesOf(name, option).find((candidate) => (env[candidate] ?? '') !== '') ?? '';
  const text = env[source];
  if (text === undefined) return { source, texts: [] };
  return { source, texts: option.repeatable ? text.split(/\s+/).filter((part) => part !== '') : [text] };
}

/** Returns the help of a setting, with its default. */
export function describeOption(option: Option<unknown> | Switch): string {
  if (option.isSwitch) return option.help;
  const more = [
    option.default === undefined ? '' : `default ${option.default}`,
    option.repeatable ? 'repeatable' : '',
  ].filter((text) => text !== '');
  return more.length === 0 ? option.help : `${option.help} (${more.join(', ')})`;
}
