import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Random } from '../../random.ts';
import type { Scenario } from '../stress-run.ts';
import type { TextBatch, TextCase } from './parse-text.ts';
import { mutate, randomPath } from './paths.ts';
import { randomTraceHeaders } from './trace-headers.ts';
import { mutateYaml } from './yaml-texts.ts';

const casesInRound = 500;

/** Maximum time of all texts of a round, in milliseconds. */
const maxBatchMs = 50_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const filesLike = (pattern: string): string[] =>
  globSync(pattern, { cwd: root, exclude: ['**/node_modules'] })
    .sort()
    .map((file) => readFileSync(`${root}${file}`, 'utf8'));

/** Texts for all parsers: plans, commands, expectations, manifests, files of cases, contexts, options. */
export const texts: Scenario = {
  name: 'texts',
  async start() {
    const worker = new Worker(new URL('./parse-text.ts', import.meta.url));
    const yaml = { manifest: filesLike('{istio,kubernetes}/**/*.yaml'), cases: filesLike('istio/**/test.yaml') };
    const mesh = 'services:\n- name: a\n  versions:\n  - { version: v1, replicas: 2, behaviour: /~delay=1s }\n';
    const make = (random: Random): TextCase => randomText(random, { ...yaml, mesh: [mesh] });
    return {
      async round(random) {
        await parseAll(
          worker,
          Array.from({ length: casesInRound }, () => make(random)),
        );
        return casesInRound;
      },
      finish: async () => 'each text was parsed or refused',
      async [Symbol.asyncDispose]() {
        await worker.terminate();
      },
    };
  },
};

async function parseAll(worker: Worker, cases: readonly TextCase[]): Promise<void> {
  const current = new Int32Array(new SharedArrayBuffer(4));
  worker.postMessage({ cases, current } satisfies TextBatch);
  const answer = once(worker, 'message', { signal: AbortSignal.timeout(maxBatchMs) });
  const [problems] = await answer.catch((error: unknown) => {
    throw new Error(`hangs or ends (${error}): ${shownCase(cases[Atomics.load(current, 0)])}`);
  });
  for (const [index, problem] of (problems as readonly (string | undefined)[]).entries())
    if (problem !== undefined) throw new Error(`${shownCase(cases[index])}: ${problem}`);
}

function shownCase({ parser, text }: TextCase = { parser: 'path', text: '' }): string {
  return `the parser of "${parser}" with ${JSON.stringify(text).slice(0, 3000)}`;
}

const expectations = [
  'status = 200',
  'calls >= 3',
  'service a version v2 share 50% ± 5',
  'not error',
  'a -> b status 5xx',
];
const commands = ['curl -g -X POST localhost/@a/x', `grpcurl -plaintext -d '{"path":"/@a/"}' a:1 s/M`, '{"uri":"/x"}'];
const options = [
  ['serve', '', '--name', 'a', '--http', ':0'],
  ['call', '', 'localhost/x', '--expect', 'status = 200', '-H', 'a: b'],
  ['test', '', 'a.yaml', '--only', 'x', '--json'],
  ['istio', 'up', '-f', 'a.yaml', '--mesh', 'm'],
  ['up', '', 'demo', '--seed', '1'],
  ['manifests', '', 'a/@b/x', '--namespace', 'n'],
];

type YamlTexts = Readonly<Record<'manifest' | 'cases' | 'mesh', readonly string[]>>;

function randomText(random: Random, yaml: YamlTexts): TextCase {
  const parser = random.pick<TextCase['parser']>([
    ...(['path', 'path', 'command', 'expectation', 'manifest', 'manifest', 'cases', 'validator', 'mesh'] as const),
    ...(['message', 'reply', 'context', 'options'] as const),
  ]);
  switch (parser) {
    case 'path':
      return { parser, text: randomPath(random) };
    case 'command':
      return { parser, text: mutate(random, random.chance(0.5) ? random.pick(commands) : randomPath(random)) };
    case 'expectation':
      return { parser, text: mutate(random, random.pick(expectations)) };
    case 'manifest':
    case 'cases':
    case 'mesh':
      return { parser, text: mutateYaml(random, random.pick(yaml[parser])) };
    case 'validator':
      return { parser, text: mutateYaml(random, validatorFile) };
    case 'message':
      return { parser, text: random.bytes(random.below(200)).toString('latin1') };
    case 'reply':
      return { parser, text: randomJson(random, 6) };
    case 'context':
      return { parser, text: JSON.stringify(Object.fromEntries(randomTraceHeaders(random))) };
    case 'options':
      return { parser, text: JSON.stringify(mutateArguments(random, random.pick(options))) };
  }
}

const validatorFile = `testCases:
- description: a
  wantMatch: true
  request: { authority: [a.example], method: [GET], uri: [/x] }
  route: [{ destination: { host: a, port: { number: 80 } }, weight: 100 }]
`;

function mutateArguments(random: Random, [command = '', subcommand = '', ...args]: readonly string[]): string[] {
  const changed = args.flatMap((arg) => {
    if (random.chance(0.2)) return [];
    return random.chance(0.4) ? [mutate(random, arg)] : [arg];
  });
  return [command, subcommand, ...changed, ...random.some(2, () => mutate(random, '--'))];
}

const fields = [
  'service',
  'version',
  'pod',
  'request',
  'calls',
  'status',
  'reply',
  'mesh',
  'durationMs',
  '__proto__',
  'x',
];

function randomJson(random: Random, depth: number): string {
  const value = random.pick(['1', '-0', '1e400', '"a"', 'null', 'true', '""', '9007199254740993']);
  if (depth === 0 || random.chance(0.2)) return value;
  const items = random.some(4, () => randomJson(random, depth - 1));
  if (random.chance(0.3)) return `[${items.join(',')}]`;
  return `{${items.map((item) => `"${random.pick(fields)}":${item}`).join(',')}}`;
}
