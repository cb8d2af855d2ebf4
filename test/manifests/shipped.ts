import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { demoArguments } from '../../src/cli/manifests/manifests.ts';
import { namedMeshes } from '../../src/cli/up/named-meshes.ts';
import { kubernetesVersion, type ManifestTools, printed, root } from './tools.ts';

export const [demoUrl = '', ...demoVersions] = demoArguments;

/** Runs the sed command that users of servicemock know, on the template of one service. */
export async function template(service: string): Promise<string> {
  const line = [`s/\${istiomock}/${service}/`, path.join(root, 'kubernetes/mock-service-pod.yaml')];
  return (await promisify(execFile)('sed', line)).stdout;
}

export function kustomized({ kubectl }: ManifestTools, folder: string): Promise<string> {
  return printed(kubectl('kustomize', path.join(root, 'kubernetes', folder)));
}

export const chartFolder = path.join(root, 'kubernetes/chart');

export function chart({ helm }: ManifestTools, ...args: readonly string[]): Promise<string> {
  return printed(helm('template', 'mesh', chartFolder, '--kube-version', kubernetesVersion, ...args));
}

export function manifests({ meshmock }: ManifestTools, ...args: readonly string[]): Promise<string> {
  return printed(meshmock('manifests', ...args));
}

/** Values of the chart with every setting, in the format of a file for `meshmock up`. */
const manySettings = `services:
  - name: front
    behaviour: /~delay=1ms-2ms
    zone: eu-1a
  - name: back
    replicas: 2
    versions:
      - version: v1
      - version: "1.10"
        replicas: 3
        behaviour: /~body=$(HOME)
  - name: proxy
    version: v3
    upstream: grpc://back:9191/x
spansTo: http://collector.elsewhere:4318
istio: true
httpPorts: [8081, 80]
entry: { type: LoadBalancer, annotations: { a.b/c: d } }
image: { repository: example/meshmock, tag: "1", pullPolicy: Always }
imagePullSecrets: [{ name: secret }]
podLabels: { team: a }
podAnnotations: { prometheus.io/scrape: "false" }
nodeSelector: { disk: ssd }
tolerations: [{ key: mocks, operator: Exists }]
affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: zone, labelSelector: { matchLabels: { app: back } } } }] } }
podDisruptionBudget: { enabled: true, maxUnavailable: 50% }
networkPolicy: { enabled: true, from: [{ namespaceSelector: { matchLabels: { a: b } } }, { ipBlock: { cidr: 10.0.0.0/8 } }] }
`;

/** Returns functions that print each set of manifests of this repository, by name. */
export function shipped(tools: ManifestTools, folder: string): Readonly<Record<string, () => Promise<string>>> {
  const values = (name: string, text: string): readonly string[] => {
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `${name}.yaml`);
    writeFileSync(file, text);
    return ['--values', file];
  };
  const kustomizations = ['base', 'jaeger', 'overlays/demo', 'overlays/octopus', 'overlays/tracing'];
  return {
    'the template': () => template('service1'),
    ...Object.fromEntries(kustomizations.map((name) => [`kubernetes/${name}`, () => kustomized(tools, name)])),
    'the chart': () => chart(tools),
    'the chart with the mesh of meshmock up octopus': () => chart(tools, ...values('octopus', namedMeshes.octopus)),
    'the chart with all values': () => chart(tools, ...values('many', manySettings)),
    'meshmock manifests': () => manifests(tools, demoUrl, ...demoVersions),
    'meshmock manifests with all options': () =>
      manifests(
        tools,
        demoUrl,
        '/@other.apart.svc:81/x',
        ...demoVersions,
        '--istio',
        '--namespace',
        'mesh',
        ...[
          '--spans-to',
          'http://jaeger-collector:4318',
          '--versions',
          'service4=1.9,1.10',
          '--replicas',
          '2',
          '--behaviour',
          'service1=/~delay=1ms',
        ],
      ),
    ...Object.fromEntries(
      globSync('istio/{demo,examples,cluster}/*.yaml', { cwd: root }).map((file) => [
        file,
        async () => [await manifests(tools, ...demoArguments), read(file)].join('---\n'),
      ]),
    ),
    ...labs(),
  };
}

/** Returns the manifests of each file of cases. Files that no cases use are combined with the labs' mesh. */
function labs(): Record<string, () => Promise<string>> {
  const files = globSync('istio/{labs,octopus,gateway-api-cases}/**/*.yaml', { cwd: root });
  const caseFiles = files
    .filter((file) => /[/.]test\.yaml$/.test(file))
    .map((file) => parseCaseFile(read(file), file, { timeoutMs: 0, retryUntilMs: 0 }));
  const sets = new Map(caseFiles.map(({ name, manifests, change }) => [name, [...manifests, ...change]]));
  const used = new Set([...sets.keys(), ...[...sets.values()].flat()]);
  for (const file of files.filter((one) => !used.has(one))) sets.set(file, ['istio/labs/mesh.yaml', file]);
  return Object.fromEntries([...sets].map(([name, set]) => [name, async () => set.map(read).join('\n---\n')]));
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}
