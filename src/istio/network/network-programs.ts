import { runProgram } from '../process/program.ts';

/** Runs commands of ip(8), in one process. */
export async function ip(lines: readonly string[], args: readonly string[], signal: AbortSignal): Promise<void> {
  await runProgram('ip', [...args, '-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
}
