import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { commands, loadCommand } from '../../../src/cli/commands.ts';
import { flagsOf, type Schema } from '../../../src/options/options.ts';
import { cleanEnv, main } from '../../program.ts';
import type { Random } from '../../random.ts';
import { runPool, type Scenario } from '../stress-run.ts';
import { mutate, randomPath } from './paths.ts';

const linesInRound = 6;
const atOnce = 2;

/** Time after which a command that serves gets SIGTERM, and then SIGKILL, in milliseconds. */
const servingMs = 20_000;
const maxEndMs = 30_000;

/** Command lines with odd values. Each must end with a clear message: no stack, and no exit code of a defect. */
export const commandLines: Scenario = {
  name: 'command-lines',
  async start() {
    const all = await loadSchemas();
    return {
      async round(random) {
        const lines = Array.from({ length: linesInRound }, () => randomLine(random, all));
        await runPool(lines, atOnce, runLine);
        return linesInRound;
      },
      finish: async () => 'each ended with a result or a message',
      async [Symbol.asyncDispose]() {},
    };
  },
};

/** Command line without its options, and the options that it accepts. */
interface Known {
  readonly words: readonly string[];
  readonly schema: Schema;
}

/** A local mesh is never started or changed: only commands that need one which is not up. */
const istioCommands = ['apply', 'delete', 'status', 'kubeconfig', 'env', 'none'];

async function loadSchemas(): Promise<Known[]> {
  const names = Object.keys(commands).filter((name) => name !== 'istio');
  const loaded = await Promise.all(
    names.map(async (name) => ({ words: [name], schema: (await loadCommand(name)).help.schema ?? {} })),
  );
  const { subcommands = {} } = await loadCommand('istio');
  const ofIstio = istioCommands.map((name) => {
    const { mesh: _, ...schema } = subcommands[name]?.schema ?? {};
    return { words: ['istio', name, '--mesh', `fuzz-${process.pid}`], schema };
  });
  return [...loaded, ...ofIstio];
}

const values = [
  '',
  '-',
  '--',
  '0',
  '-1',
  '1e99',
  'NaN',
  'a',
  'a=b',
  'a:b',
  ':0',
  ':99999',
  '127.0.0.1:1',
  '::',
  '[::1]:0',
  'ä',
];
const oddValues = [
  'x'.repeat(5000),
  '../..',
  '/dev/null',
  '/nowhere',
  '%',
  'a\nb',
  '\u001b[31m',
  '__proto__',
  '{',
  '"',
  '1h',
  '5MB',
];
const operands = [
  '127.0.0.1:1/@a/x',
  'http://127.0.0.1:1/x',
  '/@a/x',
  'bash',
  'serve',
  '/nowhere.yaml',
  '/dev/null',
  '{}',
];

function randomLine(random: Random, all: readonly Known[]): string[] {
  const { words, schema } = random.pick(all);
  const options = Object.entries(schema).filter(() => random.chance(0.2));
  const flags = options.flatMap(([name, option]) => {
    const flag = random.pick(flagsOf(name, option));
    return random.chance(0.1) ? [flag] : [flag, randomValue(random)];
  });
  const rest = random.some(2, () => (random.chance(0.5) ? random.pick(operands) : randomPath(random)));
  // The system cannot pass null bytes.
  return [...words, ...flags, ...rest].map((word) => word.replaceAll('\u0000', ''));
}

function randomValue(random: Random): string {
  if (random.chance(0.2)) return mutate(random, random.pick(operands));
  return random.pick(random.chance(0.6) ? values : oddValues);
}

async function runLine(line: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [main, ...line], { env: cleanEnv(), stdio: ['ignore', 'ignore', 'pipe'] });
  const stderr = text(child.stderr);
  const stop = setTimeout(() => child.kill('SIGTERM'), servingMs);
  const kill = setTimeout(() => child.kill('SIGKILL'), servingMs + maxEndMs);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(stop);
  clearTimeout(kill);
  const output = await stderr;
  const isFine = signal === null && [0, 1, 2].includes(code as number) && !/^ +at .*:\d+:\d+/m.test(output);
  if (!isFine && signal !== 'SIGTERM')
    throw new Error(`${code ?? signal} after ${JSON.stringify(line).slice(0, 2000)}: ${output.slice(0, 2000)}`);
}
