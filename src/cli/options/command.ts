import type { HelpText } from './help.ts';

/** Loaded command: its help, its subcommands, and the function that runs it. */
export interface Command {
  readonly help: HelpText;
  readonly subcommands?: Readonly<Record<string, HelpText>>;
  /** Operands that shell completion offers; nothing if absent. */
  readonly operands?: {
    /** Known operands. */
    readonly words?: readonly string[];
    /** True if an operand may be a path. */
    readonly arePaths?: true;
  };
  readonly run: (args: readonly string[]) => void | Promise<void>;
}

/** Command as the list of commands shows it. */
export interface CommandEntry {
  /** Operands, such as `URL`. */
  readonly operands: string;
  /** One clause that says what the command does. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Commands by their names. */
export type Commands = Readonly<Record<string, CommandEntry>>;
