/** What the README shows: its commands are run against a mesh, and what they print is compared or written in. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cleanEnv, type Program, startProgram } from '../program.ts';

export const root = path.join(import.meta.dirname, '../..');
export const readReadme = (): string => readFileSync(path.join(root, 'README.md'), 'utf8');

/** Blocks of commands: those for meshes of `up`, those for one of `istio up`, and those of labs. */
export type BlockKind = 'console' | `console ${string}`;

const blockOf = (kind: BlockKind): RegExp => new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g');

/** A command and what the README says it prints. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

/** The examples of the page, in its order. */
export function examplesOf(readme: string, kind: BlockKind = 'console'): Example[] {
  return [...readme.matchAll(blockOf(kind))].flatMap(([, text = '']) =>
    text
      .split(/^\$ /m)
      .filter((part) => part !== '')
      .map((part) => {
        const [command = '', ...output] = part.split('\n');
        return { command, output: output.join('\n').trimEnd() };
      }),
  );
}

/** The page with other outputs, one for each example. */
export function withOutputs(readme: string, outputs: readonly string[], kind: BlockKind = 'console'): string {
  let index = 0;
  return readme.replaceAll(blockOf(kind), (_block, text: string) => {
    const commands = text.split('\n').filter((line) => line.startsWith('$ '));
    return `\`\`\`${kind}\n${commands.map((command) => `${command}\n${outputs[index++]}\n`).join('\n')}\`\`\``;
  });
}

/** Where the page's meshes really listen: the demo, said to be at 8080 and 9090, and octopus, at 8180. */
export interface Meshes {
  readonly demo: number;
  readonly demoGrpc: number;
  readonly octopus: number;
}

/** Starts the page's meshes on free ports. What directives leave to chance is the same in every run. */
export async function startMeshes(): Promise<Meshes & AsyncDisposable> {
  const args = ['--http', 'localhost:0', '--grpc', 'localhost:0', '--log-level', 'silent', '--seed', 'readme'];
  const [demo, octopus] = ['demo', 'octopus'].map((name) =>
    startProgram(['up', name, ...args], { OTEL_SDK_DISABLED: 'true' }),
  ) as [Program, Program];
  const [, port, grpcPort] = await demo.printed(/gateway +http localhost:(\d+) +grpc localhost:(\d+)[\s\S]*Ctrl-C/);
  const [, octopusPort] = await octopus.printed(/proxy +http localhost:(\d+)[\s\S]*Ctrl-C/);
  return {
    demo: Number(port),
    demoGrpc: Number(grpcPort),
    octopus: Number(octopusPort),
    async [Symbol.asyncDispose]() {
      await Promise.all([demo, octopus].map((mesh) => mesh[Symbol.asyncDispose]()));
    },
  };
}

/** Runs a command of the page as a shell does, the meshes being elsewhere than on their standard ports. */
export function run(command: string, meshes: Meshes): Promise<{ output: string; code: number }> {
  return runWith(command, [
    ['localhost:8080', `localhost:${meshes.demo}`],
    ['localhost:9090', `localhost:${meshes.demoGrpc}`],
    ['localhost:8180', `localhost:${meshes.octopus}`],
  ]);
}

/** @param places texts of the page, and what stands in their place here */
export function runWith(
  command: string,
  places: readonly (readonly [shown: string, real: string])[],
): Promise<{ output: string; code: number }> {
  let here = command.replace(/^curl /, 'curl -s ').replace(/^npx meshmock/, `"${process.execPath}" dist/cli/main.js`);
  for (const [shown, real] of places) here = here.replaceAll(shown, real);
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${here} 2>&1`], { cwd: root, env: cleanEnv() }, (error, stdout) => {
      let output = stdout.trimEnd();
      for (const [shown, real] of places) output = output.replaceAll(real, shown);
      resolve({ output, code: Number(error?.code ?? 0) });
    });
  });
}

const directiveTable = /(<!-- directives -->\n(?:.*\n){2})([\s\S]*?)(<!-- \/directives -->)/;

/** A row of the page's table of directives. */
export interface DirectiveRow {
  readonly path: string;
  readonly meaning: string;
  /** What the caller's tree says of service1, over HTTP and over gRPC. */
  readonly seen: readonly [http: string, grpc: string];
}

export function directiveRowsOf(readme: string): DirectiveRow[] {
  const [, , rows = ''] = directiveTable.exec(readme) ?? [];
  return rows
    .trimEnd()
    .split('\n')
    .map((row) => {
      const [, path = '', meaning = '', overHttp = '', overGrpc = ''] = row.split('|').map((cell) => cell.trim());
      return { path: path.replaceAll('`', ''), meaning, seen: [overHttp, overGrpc] };
    });
}

export function withDirectiveRows(readme: string, rows: readonly DirectiveRow[]): string {
  const lines = rows.map(({ path, meaning, seen }) => `| \`${path}\` | ${meaning} | ${seen.join(' | ')} |\n`);
  return readme.replace(directiveTable, (_all, head: string, _rows, end: string) => head + lines.join('') + end);
}

/** Runs a row of the table, and gives what its two last columns say. */
export async function seenOf({ path }: DirectiveRow, meshes: Meshes): Promise<[http: string, grpc: string]> {
  const line = async (url: string): Promise<string> => {
    const { output } = await run(`curl -g 'localhost:8080${url}' -H 'Accept: text/plain'`, meshes);
    const [, outcome, time, notes = ''] = /└─ .*? {2}(\S+) +([\d.]+ ms) {2}[·█]+ *(.*)/.exec(output) ?? [];
    return [`**${outcome}**`, time, ...(notes === '' ? [] : [notes])].join(' · ').replace(/ · grpc(?= |$)/, '');
  };
  return [await line(path), await line(path.replace('@service1', '@grpc:service1'))];
}

/** An output without what differs from run to run: times and their bars, ids, the version of curl, whose turn it is. */
export function masked(output: string): string {
  return output
    .replaceAll(/ +[\d.]+ ms +[·█]+/g, ' T ms BAR')
    .replaceAll(/\b(p50|p90|p99|max) [\d.]+/g, '$1 T')
    .replaceAll(/\b[\d.]+ ?ms\b/g, 'T ms')
    .replaceAll(/Took \d+ milliseconds/g, 'Took T milliseconds')
    .replaceAll(/WebServer V\d/g, 'WebServer V')
    .replaceAll(/webserver-v\d-\d with/g, 'POD with')
    .replaceAll(/webserver v\d \(webserver-v\d-\d\)/g, 'webserver V (POD)')
    .replaceAll(/"(startMs|durationMs|x-meshmock-deadline-ms)": "?[\d.]+"?/g, '"$1": N')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'ID')
    .replaceAll(/curl\/[\d.]+/g, 'curl/V');
}
