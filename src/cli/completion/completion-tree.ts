import { flagOf, type Schema } from '../../options/options.ts';
import type { Command } from '../options/command.ts';

/** Flag that a shell completes. */
export interface CompletionFlag {
  /** Spellings, such as `-H` and `--header`. */
  readonly names: readonly string[];
  readonly help: string;
  readonly value: CompletionValue;
}

/** Values that a shell offers after a flag or as an operand. */
export type CompletionValue =
  /** The flag takes no value. */
  | { readonly kind: 'none' }
  /** Any text: nothing is offered. */
  | { readonly kind: 'text' }
  /** A path, or one of the words. */
  | { readonly kind: 'path'; readonly words: readonly string[] }
  | { readonly kind: 'choices'; readonly choices: readonly string[] };

/** Command line up to a subcommand, with what may follow. */
export interface CompletionNode {
  /** Words of the command, such as `istio apply`. */
  readonly words: string;
  readonly flags: readonly CompletionFlag[];
  readonly operands: CompletionValue;
}

/** Word that a shell offers in the place of a command or subcommand. */
export interface CompletionWord {
  readonly word: string;
  readonly help: string;
}

/** Everything that the scripts of all shells complete. */
export interface CompletionTree {
  readonly commands: readonly CompletionWord[];
  /** Subcommands by the name of their command. */
  readonly subcommands: ReadonlyMap<string, readonly CompletionWord[]>;
  readonly nodes: readonly CompletionNode[];
}

/** Returns what shells complete, from the schemas of the commands. */
export function completionTree(
  commands: ReadonlyMap<string, { readonly summary: string; readonly command: Command }>,
): CompletionTree {
  const all = [...commands];
  return {
    commands: all.map(([word, { summary }]) => ({ word, help: summary })),
    subcommands: new Map(
      all.flatMap(([name, { command }]) => {
        const words = Object.entries(command.subcommands ?? {}).map(([word, { summary }]) => ({ word, help: summary }));
        return words.length === 0 ? [] : [[name, words] as const];
      }),
    ),
    nodes: all.flatMap(([name, { command }]) => [
      nodeOf(name, command.help.schema, operandsOf(command)),
      ...Object.entries(command.subcommands ?? {}).map(([subcommand, { schema }]) =>
        nodeOf(`${name} ${subcommand}`, schema, { kind: 'text' }),
      ),
    ]),
  };
}

function operandsOf({ operands }: Command): CompletionValue {
  const { words = [], arePaths = false } = operands ?? {};
  if (arePaths) return { kind: 'path', words };
  return words.length === 0 ? { kind: 'text' } : { kind: 'choices', choices: words };
}

function nodeOf(words: string, schema: Schema = {}, operands: CompletionValue): CompletionNode {
  const flags = Object.entries(schema).map(([name, option]): CompletionFlag => {
    if (option.isSwitch) return { names: [flagOf(name)], help: option.help, value: { kind: 'none' } };
    const short = (option.aliases ?? []).filter((alias) => alias.startsWith('-'));
    return { names: [...short, flagOf(name)], help: option.help, value: valuesOf(option) };
  });
  return { words, operands, flags: [...flags, { names: ['--help'], help: 'print the help', value: { kind: 'none' } }] };
}

function valuesOf({
  choices,
  isPath,
}: {
  readonly choices?: readonly string[];
  readonly isPath?: true;
}): CompletionValue {
  if (choices !== undefined) return { kind: 'choices', choices };
  return isPath === true ? { kind: 'path', words: [] } : { kind: 'text' };
}
