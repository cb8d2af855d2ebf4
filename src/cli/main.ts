#!/usr/bin/env node
// Not by name: an old Node would fail at the import, before the error below.
import module from 'node:module';
import { constants } from 'node:os';
import { exitCodeOf } from '../error/exit-codes.ts';
import { programFile } from '../package/package-files.ts';
import { wantsInstrumentations } from '../telemetry/environment.ts';

/** First version with everything that undici needs, and the oldest line of releases that is still maintained. */
const oldestNode = { major: 22, minor: 19 };

/** Flags of V8 with which a service takes less CPU time for requests. */
const flagsForRequests = [
  // A request passes through more small functions than V8 inlines into one by default (920 bytes of code).
  '--max-inlined-bytecode-size-cumulative=2760',
  // V8 would take spans for objects that live long, and collect everything each second under load.
  '--no-allocation-site-pretenuring',
];

/**
 * Returns the path of the program for a command line. `serve` has a bundle of its own, of few files, because mocks are
 * many and must start quickly. Instrumentations of OpenTelemetry replace packages while these are loaded, so with them
 * `serve` runs from the bundle of all commands, which does not contain these packages.
 */
function programFor([name, ...rest]: readonly string[]): string {
  const wantsHelp = rest.some((arg) => arg === '--help' || arg === '-h');
  const isQuick = name === 'serve' && !wantsHelp && !wantsInstrumentations(process.env);
  return programFile(isQuick ? 'cli/serve-program' : 'cli/program');
}

/**
 * Lets signals end this process. The kernel does not do so for the first process of a container, and not every command
 * handles signals.
 */
function endOnSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => process.listenerCount(signal) > 1 || process.exit(128 + constants.signals[signal]));
}

/** Reports whether a version of Node is older than the oldest one that works. */
function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < oldestNode.major || (major === oldestNode.major && minor < oldestNode.minor);
}

// The program that reads the output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (process.pid === 1) endOnSignals();
if (isOlder(process.versions.node)) {
  process.stderr.write(
    `meshmock: Node ${oldestNode.major}.${oldestNode.minor} or later is needed, and this is ${process.version}: install a newer one; in a checkout, npm scripts and npx bring their own\n`,
  );
  process.exitCode = exitCodeOf.machine;
} else {
  module.enableCompileCache();
  const args = process.argv.slice(2);
  const { run } = (await import(programFor(args))) as typeof import('./program.ts');
  await run(args);
  // A service is ready here. Node itself writes the cache when a process ends, which a killed one does not.
  module.flushCompileCache();
  // Not before: V8 rejects a cache that was made with other flags.
  const { setFlagsFromString } = await import('node:v8');
  for (const flag of flagsForRequests) setFlagsFromString(flag);
}
