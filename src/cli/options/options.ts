import { parseArgs } from 'node:util';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** A flag without a value. */
export interface Switch {
  readonly isSwitch: true;
  readonly help: string;
}

/** One setting: from it come the flag, the environment variable, the default, the type and its row of the README. */
export interface Option<T> {
  readonly isSwitch?: never;
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
  /** What is no flag. */
  readonly positionals: readonly string[];
  /** The names under which settings were given, as a person wrote them. */
  readonly given: ReadonlySet<string>;
}

/** The flag of a setting, from its name in the schema. */
export const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
/** The environment variable of a setting. */
export const variableOf = (name: string): string =>
  `MESHMOCK_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;

/**
 * Reads the settings of a command: a flag before its environment variable before its default.
 *
 * @throws MeshmockError `usage`
 */
export function parseOptions<S extends Schema>(schema: S, args: readonly string[], env: NodeJS.ProcessEnv): Parsed<S> {
  const given = new Set<string>();
  const { flags, positionals } = readFlags(schema, args);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(schema)) {
    if (option.isSwitch) {
      values[name] = flags.has(name);
      continue;
    }
    const found = flags.get(name) ?? readVariable(name, option, env);
    if (found.source !== '') given.add(found.source);
    const { texts } = found;
    const parse = (text: string): unknown => named(found.source, text, option);
    if (option.repeatable) values[name] = (texts.length > 0 ? texts : defaultsOf(option)).map(parse);
    else values[name] = mapDefined(texts.at(-1) ?? option.default, parse);
  }
  return { values: values as Values<S>, positionals, given };
}

function defaultsOf(option: Option<unknown>): readonly string[] {
  return option.default === undefined ? [] : [option.default];
}

function mapDefined<T>(text: string | undefined, map: (text: string) => T): T | undefined {
  return text === undefined ? undefined : map(text);
}

/**
 * Reads the text of a setting.
 *
 * @throws MeshmockError `usage`, which says which setting it was for
 */
export function named<T>(source: string, text: string, { parse }: Pick<Option<T>, 'parse'>): T {
  try {
    return parse(text);
  } catch (error) {
    const { message, place } = error as MeshmockError;
    throw new MeshmockError('usage', `${source}: ${message}`, place === undefined ? {} : { place });
  }
}

interface Found {
  /** The flag or variable, as a person wrote it; empty when there was none. */
  readonly source: string;
  readonly texts: readonly string[];
}

function readFlags(schema: Schema, args: readonly string[]): { flags: Map<string, Found>; positionals: string[] } {
  // By the flag without its dashes: the setting, and the flag as it is written.
  const names = new Map<string, { readonly name: string; readonly written: string }>();
  const options: Record<string, { type: 'string' | 'boolean'; multiple: true }> = {};
  for (const [name, option] of Object.entries(schema)) {
    const aliases = option.isSwitch ? [] : (option.aliases ?? []);
    for (const written of [flagOf(name), ...aliases.filter((alias) => alias.startsWith('-'))]) {
      const flag = written.replace(/^-+/, '');
      names.set(flag, { name, written });
      options[flag] = { type: option.isSwitch ? 'boolean' : 'string', multiple: true };
    }
  }
  const flags = new Map<string, Found>();
  try {
    const known = args.map((arg) => withTwoDashes(arg, names));
    const { values, positionals } = parseArgs({ args: known, options, allowPositionals: true });
    for (const [flag, texts = []] of Object.entries(values)) {
      const { name, written } = names.get(flag) ?? { name: flag, written: flag };
      flags.set(name, { source: written, texts: [...(flags.get(name)?.texts ?? []), ...(texts as string[])] });
    }
    return { flags, positionals };
  } catch (error) {
    const message = (error as Error).message.replace(/\. To specify.*$/s, '');
    throw new MeshmockError('usage', `${message} (--help lists the flags)`);
  }
}

/** Go's flags, which servicemock's users know, have one dash: `-listenAddress localhost:8081`. */
function withTwoDashes(arg: string, names: ReadonlyMap<string, unknown>): string {
  const [, flag] = /^-([A-Za-z][A-Za-z-]*)(?:=|$)/.exec(arg) ?? [];
  return flag !== undefined && names.has(flag) ? `-${arg}` : arg;
}

function readVariable(name: string, option: Option<unknown>, env: NodeJS.ProcessEnv): Found {
  const aliases = option.aliases?.filter((alias) => !alias.startsWith('-')) ?? [];
  const source = [variableOf(name), ...aliases].find((candidate) => (env[candidate] ?? '') !== '') ?? '';
  const text = env[source];
  if (text === undefined) return { source, texts: [] };
  return { source, texts: option.repeatable ? text.split(/\s+/).filter((part) => part !== '') : [text] };
}

/** The settings of a command for its `--help`. */
export function helpOf(schema: Schema): string {
  const rows = Object.entries(schema).map(
    ([name, option]) => [option.isSwitch ? flagOf(name) : `${flagOf(name)} ${option.value}`, describe(option)] as const,
  );
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join('\n');
}

/** The settings of a command as the README's table. */
export function tableOf(schema: Readonly<Record<string, Option<unknown>>>): string {
  const rows = Object.entries(schema).map(([name, option]) => {
    const names = [`\`${flagOf(name)} ${option.value}\``, ...(option.aliases ?? []).map((alias) => `\`${alias}\``)];
    return `| ${names.join(', ')} | \`${variableOf(name)}\` | ${option.default === undefined ? '' : `\`${option.default}\``} | ${option.help} |`;
  });
  return ['| flag | variable | default | |', '|---|---|---|---|', ...rows].join('\n');
}

/** The flags of a command that has no variables, as a table in Markdown. */
export function flagTableOf(schema: Readonly<Record<string, Option<unknown> | Switch>>): string {
  const rows = Object.entries(schema).map(([name, option]) => {
    const flag = option.isSwitch ? flagOf(name) : `${flagOf(name)} ${option.value}`;
    return `| \`${flag}\` | ${describe(option)} |`;
  });
  return ['| flag | |', '|---|---|', ...rows].join('\n');
}

function describe(option: Option<unknown> | Switch): string {
  if (option.isSwitch) return option.help;
  const more = [
    option.default === undefined ? '' : `default ${option.default}`,
    option.repeatable ? 'repeatable' : '',
  ].filter((text) => text !== '');
  return more.length === 0 ? option.help : `${option.help} (${more.join(', ')})`;
}
