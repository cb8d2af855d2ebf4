/** What the pages of labs show: run on one mesh, with and without what each lab applies. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Phase } from '../../src/cases/mesh-under-test.ts';
import { LocalTestMesh } from '../../src/cases/meshes/local-test-mesh.ts';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { readManifestSources } from '../../src/cli/files/manifest-sources.ts';
import { runWith } from '../repo/examples.ts';
import { type BlockKind, type Example, examplesOf, root } from '../repo/pages.ts';

/** Those that can be run here. */
export const labs = globSync('istio/labs/*/test.yaml', { cwd: root })
  .map((file) => path.dirname(file))
  .sort();

export const pageOf = (lab: string): string => path.join(root, lab, 'README.md');

/** An example of a page, with what it printed in each phase that its block is about. */
export interface LabExample extends Example {
  readonly printed: readonly string[];
}

/** The blocks of one kind, which is the same for one file of cases. */
export interface LabBlocks {
  readonly kind: BlockKind;
  readonly examples: readonly LabExample[];
  /** What is there with what the lab applies. */
  readonly manifests: string;
}

const phases = { before: ['before'], after: ['after'], always: ['before', 'after'] } as const;

/** A mesh for pages of labs, one after the other. */
export class LabBed implements AsyncDisposable {
  private readonly anyPort = { host: 'localhost', port: 0 };
  private readonly never = new AbortController().signal;
  private readonly mesh = new LocalTestMesh({
    read: readManifestSources,
    ...{ http: this.anyPort, grpc: this.anyPort },
    serveArguments: ['--log-level=silent', '--seed=labs'],
    onProgramExit: (name, logs) => process.stderr.write(`${name} has ended; see ${logs}\n`),
  });
  private isWarm = false;

  /**
   * Runs what a page shows: `console before`, `after` and `always` are about its `test.yaml`, and `console after NAME`
   * about its `NAME.test.yaml`.
   */
  async run(lab: string): Promise<LabBlocks[]> {
    const page = readFileSync(pageOf(lab), 'utf8');
    const files = globSync(['test.yaml', '*.test.yaml'], { cwd: path.join(root, lab) }).sort();
    const blocks: LabBlocks[] = [];
    for (const file of files) {
      const suffix = file === 'test.yaml' ? '' : ` ${path.basename(file, '.test.yaml')}`;
      blocks.push(...(await this.runFile(page, path.join(root, lab, file), suffix)));
    }
    return blocks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
  }

  private async runFile(page: string, file: string, suffix: string): Promise<LabBlocks[]> {
    const cases = parseCaseFile(readFileSync(file, 'utf8'), file, { timeoutMs: 10_000, retryUntilMs: 0 });
    const text = readManifestSources([...cases.manifests, ...cases.change])
      .map((source) => source.text)
      .join('\n');
    const kinds = (['before', 'always', 'after'] as const).map((when) => {
      const kind: BlockKind = `console ${when}${suffix}`;
      return {
        when,
        kind,
        manifests: text,
        examples: examplesOf(page, kind).map((example) => ({ ...example, printed: [] as string[] })),
      };
    });
    for (const phase of ['before', 'after'] satisfies Phase[]) {
      const shown = kinds.filter(
        ({ when, examples }) => phases[when].some((one) => one === phase) && examples.length > 0,
      );
      if (shown.length === 0) continue;
      await this.mesh.applyPhase(cases, phase, this.never);
      await this.warmUp(text);
      for (const { examples } of shown)
        for (const { command, printed } of examples) printed.push((await runWith(command, this.places(text))).output);
    }
    return kinds;
  }

  /** So that nothing shown is the first request of a process. Not once a lab counts what comes. */
  private async warmUp(text: string): Promise<void> {
    if (this.isWarm) return;
    this.isWarm = true;
    const all = '@service1|grpc:service1|service2|grpc:service2|service3|service4';
    for (let i = 0; i < 4; i++) await runWith(`curl -g 'localhost:8080/${all}/${all}/x'`, this.places(text));
  }

  /** Where `meshmock istio up` puts the services of the labs' mesh, and after them those that the lab itself brings. */
  private places(lab: string): [shown: string, real: string][] {
    const ports = this.mesh.ports.filter(
      ({ entry: { name, kind } }) => kind !== 'jaeger' && lab.includes(nameIn(name)),
    );
    const names = [...new Set([...meshServices, ...ports.map(({ entry }) => entry.name)])];
    return [
      ...ports.map(({ entry: { name, protocol }, port }): [string, string] => [
        `localhost:${(protocol === 'http' ? 8080 : 9090) + names.indexOf(name)}`,
        `localhost:${port}`,
      ]),
      ...this.mesh.ports
        .filter(({ entry }) => entry.kind === 'jaeger')
        .map(({ port }): [string, string] => ['localhost:16686', `localhost:${port}`]),
    ];
  }
}

const meshServices = ['gateway', 'service1', 'service2', 'service3', 'service4'];

/** What the manifests say that a way into the mesh is there for. */
function nameIn(entry: string): string {
  const [service = ''] = entry.split('.');
  if (service === 'istio-ingressgateway') return 'istio: ingressgateway';
  return service.endsWith('-istio') ? 'gatewayClassName: istio\n' : `name: ${service}\n`;
}
