#!/usr/bin/env node
// Not by name: an old Node would fail at the import, before the error below.
import module from 'node:module';
import { constants } from 'node:os';
import { exitCodeOf } from '../error/exit-codes.ts';
import { MeshmockError } from '../error/meshmock-error.ts';
import { packageFile, programFile } from '../package/package-files.ts';
import { commands, loadCommand } from './commands.ts';
import { errorText } from './output/error-text.ts';

const oldestNode = 24;

async function run(args: readonly string[]): Promise<void> {
  const [name = 'help', ...rest] = args;
  if (name === '--help' || name === '-h') return print((await import('./help-command.ts')).overview(commands));
  if (name === '--version') return print((await import('./process/program-version.ts')).programVersion());
  // A person who has pulled must know. Mocks are many, and programs that read output must not meet other text.
  if (process.stderr.isTTY && name !== 'serve') await warnOfStaleBuild();
  const command = await loadCommand(name);
  if (!rest.some((arg) => arg === '--help' || arg === '-h')) return command.run(rest);
  const [first = ''] = rest;
  const { helpOf } = await import('./help-command.ts');
  return print(helpOf(command, name, Object.hasOwn(command.subcommands ?? {}, first) ? first : undefined));
}

/** Says on standard error that the sources are newer than the compiled program. */
async function warnOfStaleBuild(): Promise<void> {
  const { isStale } = await import('./process/stale-build.ts');
  const main = programFile('cli/main');
  if (main.endsWith('.js') && isStale(main, packageFile('src')))
    process.stderr.write('meshmock: the sources are newer than the compiled program; run npm run build\n');
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
 * Lets signals end this process. The kernel does not do so for the first process of a container, and not every command
 * handles signals.
 */
function endOnSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => process.listenerCount(signal) > 1 || process.exit(128 + constants.signals[signal]));
}

// The program that reads the output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (process.pid === 1) endOnSignals();
if (Number(process.versions.node.split('.')[0]) < oldestNode) {
  fail(
    new MeshmockError(
      'machine',
      `Node ${oldestNode} or later is needed, and this is ${process.version}; npx and npm scripts run the right one`,
    ),
  );
} else {
  module.enableCompileCache();
  run(process.argv.slice(2)).catch(fail);
}
