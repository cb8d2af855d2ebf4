import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { analyze } from '../../src/istio/analyze.ts';
import { Kinds } from '../../src/istio/api/kinds.ts';
import { Schemas } from '../../src/istio/api/schemas.ts';
import { checkManifests } from '../../src/istio/check-manifests.ts';
import { readCrds } from '../../src/istio/crds.ts';
import { gatewayObjects } from '../../src/istio/gateways.ts';
import type { LabelledPod } from '../../src/istio/known-hosts.ts';
import { type Manifest, parseManifests } from '../../src/istio/manifest.ts';
import { type KubeObject, kubectlName, type Service, type Workload, workloadKinds } from '../../src/istio/objects.ts';
import { schemaLocation, writeKubeSchemas } from './kube-schemas.ts';
import { kubernetesVersion, type ManifestTools, type Ran } from './tools.ts';

/** Says what is wrong with the text of manifests, a line for each problem; nothing when nothing is. */
export type Check = (text: string) => Promise<string[]>;

/**
 * Every check that there is for a set of manifests that are applied together.
 *
 * @param folder for what the checks need; its owner removes it
 */
export async function manifestCheck(tools: ManifestTools, folder: string): Promise<Check> {
  const schemas = path.join(folder, 'schemas');
  await writeKubeSchemas(schemas, tools);
  const crds = await readCrds(tools.istio);
  const definitions = JSON.parse(readFileSync(path.join(tools.kubernetes, '_definitions.json'), 'utf8'));
  const bed = { kinds: new Kinds(crds), schemas: new Schemas(crds, definitions), namespace: 'default' };
  let count = 0;
  return async (text) => {
    const file = path.join(folder, `${++count}.yaml`);
    writeFileSync(file, text);
    const location = path.join(schemas, schemaLocation);
    const [schema, valid, analysed] = await Promise.all([
      tools.kubeconform('-strict', '-kubernetes-version', kubernetesVersion, '-schema-location', location, file),
      tools.istioctl('validate', '-f', file),
      tools.istioctl('analyze', '--use-kube=false', '-A', '--output-threshold', 'Warning', file),
    ]);
    const manifests = parseManifests([{ name: file, text }]);
    const objects = manifests.map(({ object }) => object);
    return [
      ...linesUnless(schema, ''),
      ...linesUnless(valid, ' is valid'),
      ...linesUnless(analysed, '✔ No validation issues found'),
      ...refusals(manifests, bed),
      ...hanging(objects),
      ...objects.flatMap(variablesBeforeTheirValue),
    ];
  };
}

/** What istioctl says of every EnvoyFilter, and the line that stands above all warnings. */
const unavoidable = /EnvoyFilter exposes internal implementation details|" has warnings: $/;

/** All that a program said, unless it is content and says no more than these words. */
function linesUnless({ code, stdout, stderr }: Ran, content: string): string[] {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  if (code !== 0) return lines.length === 0 ? [`it ended with ${code}`] : lines;
  return lines.filter((line) => (content === '' || !line.includes(content)) && !unavoidable.test(line));
}

/** What `meshmock istio` says to them. */
function refusals(manifests: readonly Manifest[], bed: Parameters<typeof checkManifests>[1]): string[] {
  try {
    checkManifests(manifests, bed);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
}

function hanging(objects: readonly KubeObject[]): string[] {
  const own = objects.filter(({ kind }) => workloadKinds.includes(kind)) as Workload[];
  const gateways = objects.filter(({ kind }) => kind === 'Gateway');
  // An installation has the gateways that Gateways select.
  const installed = gatewayObjects(gateways, own, []).filter(({ kind }) => kind === 'Deployment') as Workload[];
  const workloads = [...own, ...installed];
  const pods = objects
    .filter(({ kind }) => kind === 'Pod')
    .map(({ metadata: { namespace = 'default', labels = {} } }) => ({ namespace, labels }));
  const services = objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service') as Service[];
  return analyze(objects, { services, config: objects, pods: [...workloads.map(labelledPod), ...pods] });
}

/** The pods that a workload asks for; all of them are alike. */
function labelledPod({ metadata: { namespace = 'default' }, spec }: Workload): LabelledPod {
  return { namespace, labels: spec.template.metadata?.labels ?? {} };
}

/** Kubernetes replaces `$(NAME)` only by what stands before ("Define Dependent Environment Variables"). */
function variablesBeforeTheirValue(object: KubeObject): string[] {
  if (!workloadKinds.includes(object.kind)) return [];
  return (object as Workload).spec.template.spec.containers.flatMap((container) => {
    const { env = [] } = container as { env?: { name: string; value?: string }[] };
    return env.flatMap(({ name, value = '' }, index) => {
      const before = new Set(env.slice(0, index).map((variable) => variable.name));
      const used = [...value.matchAll(/(?<!\$)\$\(([^)]+)\)/g)].map(([, variable]) => String(variable));
      return used
        .filter((variable) => !before.has(variable))
        .map((variable) => `${kubectlName(object)}: ${name} uses ${variable}, which does not stand before it`);
    });
  });
}
