#!/usr/bin/env node
// Not by name: an old Node, which is told so below, would fail at the import.
import module from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { exitCodeOf } from '../error/exit-codes.ts';
import { MeshmockError } from '../error/meshmock-error.ts';
import { errorText } from './output/error-text.ts';

const oldestNode = 24;

const help = `meshmock: a mock service for exploring a service mesh

  meshmock up [MESH]      a mesh of services on this machine: demo, octopus, or a YAML file
  meshmock serve          one service
  meshmock call URL       sends a plan, prints the tree, checks what is expected of it
  meshmock test FILE      cases in YAML: what a mesh's configuration does, proven
  meshmock istio up       a real Istio on this machine, without a cluster
  meshmock manifests URL  Kubernetes manifests for the services that a plan names
  meshmock plan TEXT      a plan from any form to any other: path, json, curl, grpcurl

Each takes --help.`;

interface Command {
  readonly help: string;
  readonly run: (args: readonly string[]) => void | Promise<void>;
}

/** Commands are loaded when they are called for: each needs other things, and starting is to be quick. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: () => import('./up/up.ts').then(({ up, upHelp }) => ({ help: upHelp, run: up })),
  serve: () => import('./serve/serve.ts').then(({ serve, serveHelp }) => ({ help: serveHelp, run: serve })),
  call: () => import('./call/call.ts').then(({ call, callHelp }) => ({ help: callHelp, run: call })),
  test: () => import('./test/test.ts').then(({ test, testHelp }) => ({ help: testHelp, run: test })),
  istio: () => import('./istio/istio.ts').then(({ istio, istioHelp }) => ({ help: istioHelp, run: istio })),
  manifests: () =>
    import('./manifests/manifests.ts').then(({ manifests, manifestsHelp }) => ({
      help: manifestsHelp,
      run: manifests,
    })),
  plan: () =>
    import('./plan/plan.ts').then(({ plan, planHelp }) => ({
      help: planHelp,
      run: async (args) => print(await plan(args)),
    })),
};

async function run(command: string, args: readonly string[]): Promise<void> {
  if (['help', '--help', '-h'].includes(command)) return print(help);
  if (command === '--version') return print((await import('./process/program-version.ts')).programVersion());
  const load = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (load === undefined)
    throw new MeshmockError('usage', `"${command}" is no command: there are ${Object.keys(commands).join(', ')}`);
  // A person who has pulled is told; mocks are many, and programs that read what is said are not to stumble over it.
  if (process.stderr.isTTY && command !== 'serve') await tellWhenStale();
  const { help: own, run: start } = await load();
  await (args.includes('--help') || args.includes('-h') ? print(own) : start(args));
}

async function tellWhenStale(): Promise<void> {
  const { isStale } = await import('./process/stale-build.ts');
  const sources = path.join(import.meta.dirname, '../../src');
  if (import.meta.filename.endsWith('.js') && isStale(import.meta.filename, sources))
    process.stderr.write('meshmock: the sources are newer than what was compiled and now runs: npm run build\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(error: unknown): void {
  if (error instanceof MeshmockError) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exitCode = exitCodeOf[error.code];
  } else {
    process.stderr.write(`meshmock: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = exitCodeOf.internal;
  }
}

/**
 * Signals do not end the first process of a container by themselves. Until a command handles them, and for commands that
 * never do, they are to end it as they would end any other.
 */
function endOnSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => process.listenerCount(signal) > 1 || process.exit(128 + constants.signals[signal]));
}

// Whoever reads what is printed may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (process.pid === 1) endOnSignals();
if (Number(process.versions.node.split('.')[0]) < oldestNode) {
  fail(
    new MeshmockError(
      'usage',
      `Node ${oldestNode} or later is needed, this is ${process.version}; npx and npm run the one that is installed here`,
    ),
  );
} else {
  module.enableCompileCache();
  run(process.argv[2] ?? 'help', process.argv.slice(3)).catch(fail);
}
