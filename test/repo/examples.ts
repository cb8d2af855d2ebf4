/** Runs the commands that the docs show, against the meshes that the docs name. */
import { execFile } from 'node:child_process';
import { cleanEnv, type Program, startProgram, withoutProgress } from '../program.ts';
import { type BlockKind, type Example, examplesOf, type Page, root } from './pages.ts';

/** Real ports of the docs' meshes: the docs say 8080 and 9090 for the demo, and 8180 for octopus. */
export interface Meshes {
  readonly demo: number;
  readonly demoGrpc: number;
  readonly octopus: number;
}

/** Starts the docs' meshes on free ports. A fixed seed makes directives with a share act the same in every run. */
export async function startMeshes(): Promise<Meshes & AsyncDisposable> {
  const args = ['--http', 'localhost:0', '--grpc', 'localhost:0', '--log-level', 'silent', '--seed', 'docs'];
  await using started = new AsyncDisposableStack();
  const start = (name: string): Program =>
    started.use(startProgram(['up', name, ...args], { OTEL_SDK_DISABLED: 'true' }));
  const [demo, octopus] = [start('demo'), start('octopus')];
  const [, port, grpcPort] = await demo.printed(/gateway +http localhost:(\d+) +grpc localhost:(\d+)[\s\S]*Ctrl-C/);
  const [, octopusPort] = await octopus.printed(/proxy +http localhost:(\d+)[\s\S]*Ctrl-C/);
  const meshes = started.move();
  return {
    demo: Number(port),
    demoGrpc: Number(grpcPort),
    octopus: Number(octopusPort),
    [Symbol.asyncDispose]: () => meshes.disposeAsync(),
  };
}

/** Runs a command of the docs in a shell, with the real ports in place of those shown. */
export function run(command: string, meshes: Meshes): Promise<{ output: string; code: number }> {
  return runWith(command, [
    ['localhost:8080', `localhost:${meshes.demo}`],
    ['localhost:9090', `localhost:${meshes.demoGrpc}`],
    ['localhost:8180', `localhost:${meshes.octopus}`],
  ]);
}

/**
 * Runs a command of the docs in a shell.
 *
 * @param places texts that the docs show, each with the text that replaces it here
 * @param env environment of the command
 */
export function runWith(
  command: string,
  places: readonly (readonly [shown: string, real: string])[],
  env: NodeJS.ProcessEnv = cleanEnv(),
): Promise<{ output: string; code: number }> {
  let here = command
    .replace(/^curl /, 'curl -s ')
    .replace(/(^|\| |&& )npx meshmock/, (_, before) => `${before}"${process.execPath}" "${root}/dist/cli/main.js"`);
  for (const [shown, real] of places) here = here.replaceAll(shown, real);
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${here} 2>&1`], { cwd: root, env }, (error, stdout) => {
      let output = withoutProgress(stdout).trimEnd();
      for (const [shown, real] of places) output = output.replaceAll(real, shown);
      resolve({ output, code: Number(error?.code ?? 0) });
    });
  });
}

/** A page's examples, with the outputs that they print now. */
export interface PageRun {
  readonly page: Page;
  readonly examples: readonly (Example & { readonly printed: string })[];
}

/** Commands that start a mesh of their own: their output does not depend on what ran before. */
const hasOwnMesh = /npx meshmock (?:test|diff) /;

/**
 * Runs the examples of pages, each page twice: so that no output is that of a process's first request.
 *
 * @param kind blocks to run
 * @param print runs one command and returns its output
 * @throws Error if an output has a stack trace: a defect must not get into a page
 */
export async function runPages(
  pages: readonly Page[],
  kind: BlockKind,
  print: (command: string) => Promise<string>,
): Promise<PageRun[]> {
  const runs: PageRun[] = [];
  /** Outputs of commands with a mesh of their own. Several pages show the same command, which runs once. */
  const outputs = new Map<string, string>();
  for (const page of pages) {
    const examples = examplesOf(page.text, kind);
    for (const { command } of examples) if (!hasOwnMesh.test(command)) await print(command);
    const printed: (Example & { readonly printed: string })[] = [];
    for (const example of examples) {
      const { command } = example;
      const output = outputs.get(command) ?? (await print(command));
      if (hasOwnMesh.test(command)) outputs.set(command, output);
      if (/^ {4}at .+:\d+:\d+\)?$/m.test(output)) throw new Error(`${page.file}: ${command}\n${output}`);
      printed.push({ ...example, printed: output });
    }
    runs.push({ page, examples: printed });
  }
  return runs;
}

/** Masks what differs from run to run: times and their bars, ids, the version of curl, and which pod answered. */
export function masked(output: string): string {
  return output
    .replaceAll(/ +[\d.]+ ms +[·█]+/g, ' T ms BAR')
    .replaceAll(/\b(p50|p90|p99|max) [\d.]+/g, '$1 T')
    .replaceAll(/\b[\d.]+ ?ms\b/g, 'T ms')
    .replaceAll(/Took \d+ milliseconds/g, 'Took T milliseconds')
    .replaceAll(/WebServer V\d/g, 'WebServer V')
    .replaceAll(/webserver-v\d-\d with/g, 'POD with')
    .replaceAll(/webserver v\d \(webserver-v\d-\d\)/g, 'webserver V (POD)')
    .replaceAll(/"(startMs|durationMs|x-meshmock-deadline-ms|min|mean|p\d\d|max)": "?[\d.]+"?/g, '"$1": N')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'ID')
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'TRACE')
    .replaceAll(/"spanId": "[0-9a-f]{16}"/g, '"spanId": "SPAN"')
    .replaceAll(/curl\/[\d.]+/g, 'curl/V');
}
