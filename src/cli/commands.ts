import { MeshmockError } from '../error/meshmock-error.ts';
import { didYouMean, nearestOrAll } from '../error/suggestion.ts';
import type { Command, Commands } from './options/command.ts';

/** Flags of the program itself. */
const globalFlags = ['--help', '--version'] as const;

/** Commands by their names. Each is loaded when it is called, since a start must be quick. */
export const commands: Commands = {
  up: {
    operands: '[MESH]',
    summary: 'runs a mesh of processes on this machine',
    load: async () => (await import('./up/up.ts')).upCommand,
  },
  serve: {
    operands: '',
    summary: 'runs one service',
    load: async () => (await import('./serve/serve.ts')).serveCommand,
  },
  call: {
    operands: 'URL',
    summary: 'sends a plan, prints the tree, checks expectations',
    load: async () => (await import('./call/call.ts')).callCommand,
  },
  test: {
    operands: 'FILE…',
    summary: 'tests the configuration of a mesh',
    load: async () => (await import('./test/test.ts')).testCommand,
  },
  diff: {
    operands: 'OLD NEW',
    summary: 'compares the behaviour of a mesh with two sets of manifests',
    load: async () => (await import('./diff/diff.ts')).diffCommand,
  },
  istio: {
    operands: 'COMMAND',
    summary: 'runs a real Istio on this machine, without a cluster',
    load: async () => (await import('./istio/istio.ts')).istioCommand,
  },
  labs: {
    operands: '[NAME]',
    summary: 'lists the labs of Istio, prints the page of one, or runs it',
    load: async () => (await import('./labs/labs.ts')).labsCommand,
  },
  manifests: {
    operands: 'URL…',
    summary: 'prints Kubernetes manifests for the services of a plan',
    load: async () => (await import('./manifests/manifests.ts')).manifestsCommand,
  },
  plan: {
    operands: 'TEXT',
    summary: 'converts a plan between path, JSON, curl and grpcurl',
    load: async () => (await import('./plan/plan.ts')).planCommand,
  },
  completion: {
    operands: 'SHELL',
    summary: 'prints the completion script of a shell',
    load: async () => (await import('./completion/completion.ts')).completionCommand(loadAll),
  },
  help: {
    operands: '[COMMAND]',
    summary: 'prints the help of a command',
    load: async () => (await import('./help-command.ts')).helpCommand(commands, loadCommand),
  },
};

/**
 * Loads a command.
 *
 * @throws MeshmockError `usage` for an unknown command, or an unknown flag in its place
 */
export async function loadCommand(name: string): Promise<Command> {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry !== undefined) return entry.load();
  throw new MeshmockError('usage', unknownCommand(name));
}

function unknownCommand(name: string): string {
  if (name.startsWith('-'))
    return `unknown flag "${name}" before the command${nearestOrAll(name, 'flags there', globalFlags)}`;
  const known = Object.keys(commands);
  // `meshmock version` means a flag.
  const hint = didYouMean(name, [...known, ...globalFlags]);
  return `unknown command "${name}"${hint || nearestOrAll(name, 'commands', known)}`;
}

/** Loads every command, for the scripts of shells. */
async function loadAll(): Promise<ReadonlyMap<string, { readonly summary: string; readonly command: Command }>> {
  const loaded = Object.entries(commands).map(
    async ([name, { summary, load }]) => [name, { summary, command: await load() }] as const,
  );
  return new Map(await Promise.all(loaded));
}
