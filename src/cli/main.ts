#!/usr/bin/env node
// Not by name: an old Node, which is told so below, would fail at the import.
import module from 'node:module';
import { constants } from 'node:os';
import { caretLines, MeshmockError } from '../plan/error.ts';

const oldestNode = 24;

const help = `meshmock: a mock service for exploring a service mesh

  meshmock up [MESH]      a mesh of services on this machine: demo, octopus, or a YAML file
  meshmock serve          one service
  meshmock call URL       sends a plan, prints the tree, checks what is expected of it
  meshmock istio up       a real Istio on this machine, without a cluster
  meshmock manifests URL  Kubernetes manifests for the services that a plan names
  meshmock plan TEXT      a plan from any form to any other: path, json, curl, grpcurl

Each takes --help.`;

const usageExitCode = 2;
/** An error of ours (sysexits.h, EX_SOFTWARE): no expectation that failed. */
const internalExitCode = 70;

/** Commands are loaded when they are called for: each needs other things, and starting is to be quick. */
async function run(command: string | undefined, args: readonly string[]): Promise<void> {
  const wantsHelp = args.includes('--help') || args.includes('-h');
  switch (command) {
    case 'serve': {
      const { serve, serveHelp } = await import('./serve.ts');
      return wantsHelp ? print(serveHelp) : serve(args);
    }
    case 'up': {
      const { up, upHelp } = await import('./up.ts');
      return wantsHelp ? print(upHelp) : up(args);
    }
    case 'call': {
      const { call, callHelp } = await import('./call.ts');
      return wantsHelp ? print(callHelp) : call(args);
    }
    case 'istio': {
      const { istio, istioHelp } = await import('./istio.ts');
      return wantsHelp ? print(istioHelp) : istio(args);
    }
    case 'plan': {
      const { plan, planHelp } = await import('./plan.ts');
      return wantsHelp ? print(planHelp) : print(await plan(args));
    }
    case 'manifests': {
      const { manifests, manifestsHelp } = await import('./manifests.ts');
      return wantsHelp ? print(manifestsHelp) : manifests(args);
    }
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      return print(help);
    case '--version': {
      const { programVersion } = await import('./serve.ts');
      return print(programVersion());
    }
    default:
      throw new MeshmockError(
        'usage',
        `"${command}" is no command: there are up, serve, call, istio, manifests and plan`,
      );
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(error: unknown): void {
  if (error instanceof MeshmockError) {
    const lines = error.place === undefined ? [] : caretLines(error.place);
    process.stderr.write(`${[`meshmock: ${error.message}`, ...lines].join('\n')}\n`);
    process.exitCode = usageExitCode;
  } else {
    process.stderr.write(`meshmock: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = internalExitCode;
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
  run(process.argv[2], process.argv.slice(3)).catch(fail);
}
