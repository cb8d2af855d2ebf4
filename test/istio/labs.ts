/** Runs the commands of the labs' pages as their readers type them, with kubectl on a local mesh. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnv } from '../program.ts';
import { runWith } from '../repo/examples.ts';
import { type BlockKind, type Example, examplesOf, readPage, root } from '../repo/pages.ts';
import { installTestTools } from '../tools/installed.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

/** Blocks whose commands run. */
export const blockKind: BlockKind = 'console lab';

/** Manifests of the mesh that all labs share. */
export const meshFile = 'istio/labs/mesh.yaml';

/** Folders of the labs that the local mesh can run. */
export const labs = globSync('istio/labs/*/test.yaml', { cwd: root })
  .map((file) => path.dirname(file))
  .sort();

/** Pages with commands for the mesh of the labs. */
export const labPages = ['istio/README.md', ...labs.map((lab) => `${lab}/README.md`)];

/** An example of a page, and what it prints now. */
export interface LabExample extends Example {
  readonly printed: string;
  /** Text of all manifests that are applied when the command runs. */
  readonly manifests: string;
}

/** Returns the files that a command of kubectl applies or deletes; none for other commands. */
export function filesOf(command: string, verb: 'apply' | 'delete'): string[] {
  if (!command.startsWith(`kubectl ${verb} `)) return [];
  return [...command.matchAll(/ -f (\S+)/g)].map(([, file = '']) => file);
}

/** Local mesh with the services of the labs, and a kubectl that uses it. */
export class LabMesh implements AsyncDisposable {
  private readonly mesh: LocalMeshFixture;
  private readonly env: NodeJS.ProcessEnv;
  private readonly folder: string;

  private constructor(mesh: LocalMeshFixture, env: NodeJS.ProcessEnv, folder: string) {
    this.mesh = mesh;
    this.env = env;
    this.folder = folder;
  }

  static async start(): Promise<LabMesh> {
    const { kubectl } = await installTestTools(['kubectl']);
    const mesh = await startLocalMesh([meshFile]);
    const folder = mkdtempSync(path.join(tmpdir(), 'labs-'));
    const kubeconfig = path.join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, await mesh.host.kubeconfig(new AbortController().signal), { mode: 0o600 });
    const env = {
      ...cleanEnv(),
      KUBECONFIG: kubeconfig,
      PATH: `${path.join(kubectl, 'bin')}:${process.env.PATH ?? ''}`,
    };
    const labMesh = new LabMesh(mesh, env, folder);
    await labMesh.warmUp();
    return labMesh;
  }

  /** Runs the commands of a page one after another. */
  async run(page: string): Promise<LabExample[]> {
    const files = new Set([meshFile]);
    const examples: LabExample[] = [];
    await using forwards = new PortForwards(this.env);
    for (const example of examplesOf(readPage(page).text, blockKind)) {
      const { command } = example;
      for (const file of filesOf(command, 'apply')) files.add(file);
      for (const file of filesOf(command, 'delete')) files.delete(file);
      const manifests = [...files].map((file) => readFileSync(path.join(root, file), 'utf8')).join('\n');
      examples.push({ ...example, printed: await this.print(command, forwards), manifests });
    }
    return examples;
  }

  /** Returns the names of the users' objects. A page must leave them as it found them. */
  async objects(): Promise<string[]> {
    const kinds = 'services,deployments,serviceaccounts,istio-io,gateway-api';
    const { output } = await runWith(`kubectl get ${kinds} --all-namespaces --output name`, [], this.env);
    return output.split('\n').filter((name) => !/istio-ingressgateway/.test(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }

  private async print(command: string, forwards: PortForwards): Promise<string> {
    if (/^kubectl .*\bport-forward /.test(command)) return forwards.start(command);
    const inThisMesh = command.replace('istio wait', `istio wait --mesh ${this.mesh.host.name}`);
    const { output } = await runWith(inThisMesh, [...this.places, ...forwards.places], this.env);
    // kubectl returns before a change is in effect, and a reader is told to wait.
    if (command.startsWith('kubectl ')) await this.mesh.host.inEffect(new AbortController().signal);
    return output;
  }

  /** Sends requests before the first example, so that no example shows the first request of a process. */
  private async warmUp(): Promise<void> {
    const all = '@service1|grpc:service1|service2|grpc:service2|service3|service4';
    for (let i = 0; i < 4; i++) await runWith(`curl -g 'localhost:8080/${all}/${all}/x'`, this.places);
  }

  private get places(): [shown: string, real: string][] {
    const { mesh } = this;
    return [
      ['localhost:8080', mesh.http('gateway')],
      ['http://localhost:16686', mesh.jaeger],
    ];
  }
}

/** Programs `kubectl port-forward`, which run until the end of a page. */
class PortForwards implements AsyncDisposable {
  private readonly env: NodeJS.ProcessEnv;
  private readonly programs: ChildProcess[] = [];
  readonly places: [shown: string, real: string][] = [];

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** Starts a port-forward at a free port in place of the shown one, and returns its first line with the shown port. */
  async start(command: string): Promise<string> {
    const [, shown = ''] = / (\d+):\d+$/.exec(command) ?? [];
    const [program = '', ...args] = command.replace(/ \d+:(\d+)$/, ' :$1').split(' ');
    const child = spawn(program, args, { cwd: root, env: this.env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.programs.push(child);
    const lines = createInterface(child.stdout);
    const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(30_000) })) as [string];
    const [, real = ''] = /127\.0\.0\.1:(\d+)/.exec(line) ?? [];
    this.places.push([`localhost:${shown}`, `127.0.0.1:${real}`]);
    return line.replace(`:${real}`, `:${shown}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.programs.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      running.map(async (program) => {
        const ended = once(program, 'exit');
        program.kill();
        await ended;
      }),
    );
  }
}
