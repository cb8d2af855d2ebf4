import { runProgram } from '../process/program.ts';

/** Runs commands of ip(8), in one process. */
export async function ip(lines: readonly string[], args: readonly string[], signal: AbortSignal): Promise<void> {
  await runProgram('ip', [...args, '-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
}

/** Adds rules to the packet filter, in the format of iptables-restore(8). Chains that the text declares are replaced. */
export async function restoreRules(rules: string, signal: AbortSignal): Promise<void> {
  await runProgram('iptables-restore', ['--noflush', '--wait'], { input: rules, signal });
}
