import { packageFile, programFile } from '../package/package-files.ts';
import { commands, loadCommand } from './commands.ts';
import { reportFailure } from './output/report-failure.ts';

/** Runs the command that the arguments name, and reports its error. */
export function run(args: readonly string[]): Promise<void> {
  return runCommand(args).catch(reportFailure);
}

async function runCommand(args: readonly string[]): Promise<void> {
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

/** Says on standard error that the sources are newer than the built program. */
async function warnOfStaleBuild(): Promise<void> {
  const { isStale } = await import('./process/stale-build.ts');
  const main = programFile('cli/main');
  if (main.endsWith('.js') && isStale(main, packageFile('src')))
    process.stderr.write('meshmock: the sources are newer than the built program; run npm run build\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
