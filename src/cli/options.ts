import { parseArgs } from 'node:util';
import { MeshmockError } from '../plan/error.ts';

/** One setting: from it come the flag, the environment variable, the default, the type and its row of the README. */
export interface Option<T> {
  /** Reads the text of a flag or variable. @throws MeshmockError `usage` */
  readonly parse: (text: string) => T;
  /** Its value as text when nothing is said; absent when it may stay unset. */
  readonly default?: string;
  /** What stands for the value in the help, such as `ADDRESS`. */
  readonly value: string;
  readonly help: string;
  /** May be given again; in the environment separated by spaces. */
  readonly repeatable?: true;
  /** Other names that are understood, as they stand on the command line or in the environment. */
  readonly aliases?: readonly string[];
}

export type Schema = Readonly<Record<string, Option<unknown>>>;

type ValueOf<O> =
  O extends Option<infer T>
    ? O extends { readonly repeatable: true }
      ? readonly T[]
      : O extends { readonly default: string }
        ? T
        : T | undefined
    : never;

export type Values<S extends Schema> = { readonly [Name in keyof S]: ValueOf<S[Name]> };

export interface Parsed<S extends Schema> {
  readonly values: Values<S>;
  /** What is no flag. */
  readonly positionals: readonly string[];
  /** The names under which settings were given, as a person wrote them. */
  readonly given: ReadonlySet<string>;
}

export const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
export const variableOf = (name: string): string =>
  `MESHMOCK_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;

/**
 * Reads the settings of a command: a flag before its environment variable before its default.
 *
 * @throws MeshmockError `usage`
 */
export function parseOptions<S extends Schema>(schema: S, args: readonly string[], env: NodeJS.ProcessEnv): Parsed<S> {
  const given = new Set<string>();
  const { flags, positionals } = readFlags(schema, args, given);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(schema)) {
    const texts = flags.get(name) ?? readVariable(name, option, env, given);
    const parse = (text: string): unknown => named(name, text, option);
    if (option.repeatable) values[name] = texts.map(parse);
    else values[name] = mapDefined(texts.at(-1) ?? option.default, parse);
  }
  return { values: values as Values<S>, positionals, given };
}

function mapDefined<T>(text: string | undefined, map: (text: string) => T): T | undefined {
  return text === undefined ? undefined : map(text);
}

/** Adds to what is wrong with a value which setting it was for. */
function named(name: string, text: string, option: Option<unknown>): unknown {
  try {
    return option.parse(text);
  } catch (error) {
    throw new MeshmockError('usage', `${flagOf(name)}: ${(error as Error).message}`);
  }
}

function readFlags(
  schema: Schema,
  args: readonly string[],
  given: Set<string>,
): { flags: Map<string, string[]>; positionals: string[] } {
  const names = new Map<string, string>();
  for (const [name, { aliases = [] }] of Object.entries(schema)) {
    for (const flag of [flagOf(name), ...aliases.filter((alias) => alias.startsWith('-'))])
      names.set(flag.replace(/^-+/, ''), name);
  }
  const options = Object.fromEntries(
    [...names.keys()].map((flag) => [flag, { type: 'string', multiple: true } as const]),
  );
  const flags = new Map<string, string[]>();
  try {
    const { values, positionals } = parseArgs({
      args: args.map((arg) => withTwoDashes(arg, names)),
      options,
      allowPositionals: true,
    });
    for (const [flag, texts] of Object.entries(values)) {
      const name = names.get(flag) ?? flag;
      given.add(flag);
      flags.set(name, [...(flags.get(name) ?? []), ...((texts ?? []) as string[])]);
    }
    return { flags, positionals };
  } catch (error) {
    throw new MeshmockError(
      'usage',
      `${(error as Error).message.replace(/\. To specify.*$/s, '')} (--help lists the flags)`,
    );
  }
}

/** Go's flags, which servicemock's users know, have one dash: `-listenAddress localhost:8081`. */
function withTwoDashes(arg: string, names: ReadonlyMap<string, string>): string {
  const [, flag] = /^-([A-Za-z][A-Za-z-]+)(?:=|$)/.exec(arg) ?? [];
  return flag !== undefined && names.has(flag) ? `-${arg}` : arg;
}

function readVariable(name: string, option: Option<unknown>, env: NodeJS.ProcessEnv, given: Set<string>): string[] {
  const aliases = option.aliases?.filter((alias) => !alias.startsWith('-')) ?? [];
  const variable = [variableOf(name), ...aliases].find((candidate) => (env[candidate] ?? '') !== '');
  const text = variable === undefined ? undefined : env[variable];
  if (text === undefined || variable === undefined) return [];
  given.add(variable);
  return option.repeatable ? text.split(/\s+/).filter((part) => part !== '') : [text];
}

/** The settings of a command for its `--help`. */
export function helpOf(schema: Schema): string {
  const rows = Object.entries(schema).map(
    ([name, option]) => [`${flagOf(name)} ${option.value}`, describe(option)] as const,
  );
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join('\n');
}

/** The settings of a command as the README's table. */
export function tableOf(schema: Schema): string {
  const rows = Object.entries(schema).map(([name, option]) => {
    const names = [`\`${flagOf(name)} ${option.value}\``, ...(option.aliases ?? []).map((alias) => `\`${alias}\``)];
    return `| ${names.join(', ')} | \`${variableOf(name)}\` | ${option.default === undefined ? '' : `\`${option.default}\``} | ${option.help} |`;
  });
  return ['| flag | variable | default | |', '|---|---|---|---|', ...rows].join('\n');
}

function describe(option: Option<unknown>): string {
  const more = [
    option.default === undefined ? '' : `default ${option.default}`,
    option.repeatable ? 'repeatable' : '',
  ].filter((text) => text !== '');
  return more.length === 0 ? option.help : `${option.help} (${more.join(', ')})`;
}
