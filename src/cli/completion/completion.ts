import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { bashScript } from './bash.ts';
import { type CompletionTree, completionTree } from './completion-tree.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

const scripts: Readonly<Record<Shell, (tree: CompletionTree) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const help: HelpText = {
  usage: [`completion ${shells.join('|')}`],
  summary: 'Prints a script with which a shell completes commands, flags, values and files.',
  examples: [
    'source <(meshmock completion bash)                       # in ~/.bashrc',
    'source <(meshmock completion zsh)                        # in ~/.zshrc',
    'meshmock completion fish > ~/.config/fish/completions/meshmock.fish',
  ],
};

/**
 * Makes the completion command.
 *
 * @param loadAll loads every command by its name, since the scripts list the flags of all
 */
export function completionCommand(
  loadAll: () => Promise<ReadonlyMap<string, { readonly summary: string; readonly command: Command }>>,
): Command {
  return {
    help,
    operands: { words: shells },
    run: async ([name = '', ...more]) => {
      const shell = shells.find((known) => known === name);
      if (shell === undefined || more.length > 0)
        throw new MeshmockError('usage', `expected one shell: ${shells.join(', ')}`);
      process.stdout.write(scripts[shell](completionTree(await loadAll())));
    },
  };
}
