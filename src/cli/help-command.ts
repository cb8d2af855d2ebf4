import { MeshmockError } from '../error/meshmock-error.ts';
import { nearestOrAll } from '../error/suggestion.ts';
import type { Command, Commands } from './options/command.ts';
import { formatHelp, type HelpText, twoColumns } from './options/help.ts';

const help: HelpText = {
  usage: ['help [COMMAND [SUBCOMMAND]]'],
  summary: 'Prints the help of a command, or the list of commands.',
  examples: ['meshmock help call', 'meshmock help istio apply'],
};

type LoadCommand = (name: string) => Promise<Command>;

/** Makes the help command, for a list of commands. */
export function helpCommand(commands: Commands, loadCommand: LoadCommand): Command {
  return {
    help,
    run: async ([name, subcommand]) => {
      const text = name === undefined ? overview(commands) : helpOf(await loadCommand(name), name, subcommand);
      process.stdout.write(`${text}\n`);
    },
  };
}

/** Returns the list of commands. */
export function overview(commands: Commands): string {
  const rows = Object.entries(commands).map(
    ([name, { operands, summary }]) => [`${name} ${operands}`.trimEnd(), summary] as const,
  );
  return `meshmock: a mock service for exploring a service mesh

Usage: meshmock COMMAND [OPTIONS]

Commands:
${twoColumns(rows)}

"meshmock help COMMAND" explains a command; --version prints the version.`;
}

/**
 * Returns the help of a command, or of its subcommand.
 *
 * @throws MeshmockError `usage` for an unknown subcommand
 */
export function helpOf({ help: own, subcommands = {} }: Command, name: string, subcommand?: string): string {
  if (subcommand === undefined) return formatHelp(own);
  const found = Object.hasOwn(subcommands, subcommand) ? subcommands[subcommand] : undefined;
  if (found !== undefined) return formatHelp(found);
  const known = Object.keys(subcommands);
  throw new MeshmockError(
    'usage',
    known.length === 0
      ? `${name} has no subcommands`
      : `unknown subcommand "${subcommand}" of ${name}${nearestOrAll(subcommand, 'subcommands', known)}`,
  );
}
