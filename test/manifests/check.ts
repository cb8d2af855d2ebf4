import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { analyze } from '../../src/istio/analysis/analyze.ts';
import type { LabelledPod } from '../../src/istio/analysis/known-hosts.ts';
import { gatewayObjects } from '../../src/istio/resources/gateways.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';
import {
  type KubeObject,
  kubectlName,
  type Service,
  type Workload,
  workloadKinds,
} from '../../src/istio/resources/objects.ts';
import { schemaLocation, writeKubeSchemas } from './kube-schemas.ts';
import { kubernetesVersion, type ManifestTools, type Ran } from './tools.ts';

/** Checks the text of manifests, and returns a line for each problem. */
export type Check = (text: string) => Promise<string[]>;

/**
 * Returns a function that runs all checks on a set of manifests that are applied together.
 *
 * @param folder folder for files of the checks, which the caller removes
 */
export async function manifestCheck(tools: ManifestTools, folder: string): Promise<Check> {
  const schemas = path.join(folder, 'schemas');
  await writeKubeSchemas(schemas, tools);
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
    const objects = parseManifests([{ name: file, text }]).map(({ object }) => object);
    return [
      ...problemLines(schema, ''),
      ...problemLines(valid, ' is valid'),
      ...problemLines(analysed, '✔ No validation issues found'),
      ...findings(objects),
      ...objects.flatMap(variablesUsedTooEarly),
    ];
  };
}

/** Pattern of istioctl's warning about every EnvoyFilter, and of its line before all warnings. */
const ignoredLine = /EnvoyFilter exposes internal implementation details|" has warnings: $/;

/**
 * Returns the output of a program as lines, without the ignored ones.
 *
 * @param success text of a line that reports success
 */
function problemLines({ code, stdout, stderr }: Ran, success: string): string[] {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  if (code !== 0) return lines.length === 0 ? [`it ended with ${code}`] : lines;
  return lines.filter((line) => (success === '' || !line.includes(success)) && !ignoredLine.test(line));
}

/** Returns the findings of `analyze`, with the gateways of Istio's installation. */
function findings(objects: readonly KubeObject[]): string[] {
  const applied = objects.filter(({ kind }) => workloadKinds.includes(kind)) as Workload[];
  const gateways = objects.filter(({ kind }) => kind === 'Gateway');
  // Istio's installation has the gateways that Gateways select.
  const installed = gatewayObjects(gateways, applied, []).filter(({ kind }) => kind === 'Deployment') as Workload[];
  const workloads = [...applied, ...installed];
  const pods = objects
    .filter(({ kind }) => kind === 'Pod')
    .map(({ metadata: { namespace = 'default', labels = {} } }) => ({ namespace, labels }));
  const services = objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service') as Service[];
  return analyze(objects, {
    services,
    rootNamespace: 'istio-system',
    config: objects,
    pods: [...workloads.map(labelledPod), ...pods],
  });
}

/** Returns the labels of a workload's pods, which are all alike. */
function labelledPod({ metadata: { namespace = 'default' }, spec }: Workload): LabelledPod {
  return { namespace, labels: spec.template.metadata?.labels ?? {} };
}

/**
 * Finds variables that use a later variable. Kubernetes replaces `$(NAME)` only with an earlier one ("Define Dependent
 * Environment Variables").
 */
function variablesUsedTooEarly(object: KubeObject): string[] {
  if (!workloadKinds.includes(object.kind)) return [];
  return (object as Workload).spec.template.spec.containers.flatMap((container) => {
    const { env = [] } = container as { env?: { name: string; value?: string }[] };
    return env.flatMap(({ name, value = '' }, index) => {
      const earlier = new Set(env.slice(0, index).map((variable) => variable.name));
      const used = [...value.matchAll(/(?<!\$)\$\(([^)]+)\)/g)].map(([, variable]) => String(variable));
      return used
        .filter((variable) => !earlier.has(variable))
        .map((variable) => `${kubectlName(object)}: ${name} uses ${variable}, which is not defined before it`);
    });
  });
}
