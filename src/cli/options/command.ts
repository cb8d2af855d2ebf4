import type { HelpText } from './help.ts';

/** Loaded command: its help, its subcommands, and the function that runs it. */
export interface Command {
  readonly help: HelpText;
  readonly subcommands?: Readonly<Record<string, HelpText>>;
  /** Operands that shell completion offers: files, or a closed set; nothing if absent. */
  readonly operands?: 'files' | readonly string[];
  readonly run: (args: readonly string[]) => void | Promise<void>;
}
