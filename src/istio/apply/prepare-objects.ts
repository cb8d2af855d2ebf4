import { optional } from '../../error/optional.ts';
import { apiVersionOf } from '../kube-api/kinds.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import type { Manifest } from '../resources/manifest.ts';
import { groupOf, type KubeObject, kubectlName, namespaceOf } from '../resources/objects.ts';
import { isOfInstallation, leftOutReasons } from './left-out.ts';
import { deploymentOf, isRollout } from './rollout.ts';
import { withoutServerFields } from './server-fields.ts';

/** Object of a manifest, as the API server gets it. */
export interface PreparedObject {
  readonly object: KubeObject;
  /** Name of the object as kubectl prints it. */
  readonly title: string;
  readonly whereIs: Manifest['whereIs'];
  /** Place of the object among all that are applied together. */
  readonly index: number;
}

/** Problem of an object, as a line of text that begins with file, line and column. */
export interface ProblemLine {
  readonly index: number;
  readonly line: string;
}

export interface PreparedObjects {
  readonly objects: readonly PreparedObject[];
  /** Objects or parts of them that are left out, each as a line of text with the reason. */
  readonly leftOut: readonly string[];
  /** Objects of unknown kinds. */
  readonly problems: readonly ProblemLine[];
}

export interface ApplyOptions {
  /** Namespace of objects without one. */
  readonly namespace: string;
  /** Reports whether an object belongs to an installation of Istio. It is left out if the local mesh has its own. */
  readonly isInstalled?: (object: KubeObject) => boolean;
}

/** CustomResourceDefinition, with the fields that are read here. */
export interface Crd extends KubeObject {
  spec: {
    group: string;
    scope: 'Namespaced' | 'Cluster';
    names: { kind: string; plural: string };
    versions: { name: string; served: boolean }[];
    conversion?: { strategy?: string };
  };
}

export function isCrd(object: KubeObject): object is Crd {
  return object.kind === 'CustomResourceDefinition' && groupOf(object) === 'apiextensions.k8s.io';
}

/** Selects the objects that the local mesh runs, and makes them ready to be created. */
export async function prepareObjects(
  client: KubeClient,
  manifests: readonly Manifest[],
  { namespace, isInstalled = isOfInstallation }: ApplyOptions,
  signal: AbortSignal,
): Promise<PreparedObjects> {
  const objects: PreparedObject[] = [];
  const problems: ProblemLine[] = [];
  const leftOut = new LeftOut();
  const reasonOf = leftOutReasons(manifests.map(({ object }) => object));
  const crds = manifests.map(({ object }) => object).filter(isCrd);
  const isNamespaced = (object: KubeObject): boolean | undefined =>
    client.kindOf(object)?.namespaced ?? scopeIn(crds, object);
  for (const [index, { object: given, whereIs }] of manifests.entries()) {
    const isOwn = isOwnCrd(client, given) || (isInstalled(given) && (await existsOrIsIstiod(client, given, signal)));
    const reason = reasonOf(given) ?? (isOwn ? 'the local mesh has its own' : rolloutReason(given));
    if (reason !== undefined) {
      leftOut.add(given, reason);
      continue;
    }
    const object = withoutServerFields(runnable(given, leftOut));
    const title = kubectlName(object);
    const namespaced = isNamespaced(object);
    if (namespaced === undefined) {
      const problem = unservedProblem(client, object);
      if (problem === undefined)
        leftOut.add(object, `the local mesh does not run ${object.kind} of ${object.apiVersion}`);
      else problems.push({ index, line: `${whereIs([problem.field])}: ${title}: ${problem.message}` });
      continue;
    }
    const metadata = {
      ...object.metadata,
      ...optional('namespace', namespaced ? namespaceIn(object, namespace) : undefined),
    };
    objects.push({ object: { ...object, metadata }, title, whereIs, index });
  }
  return { objects, leftOut: leftOut.lines(), problems };
}

function namespaceIn({ metadata }: KubeObject, otherwise: string): string {
  return metadata.namespace ?? otherwise;
}

/** Replaces what nothing in a local mesh would run by what it amounts to. */
function runnable(object: KubeObject, leftOut: LeftOut): KubeObject {
  const deployment = isRollout(object) ? deploymentOf(object) : undefined;
  if (deployment !== undefined) {
    leftOut.note(object, 'it runs as a Deployment, without gradual releases');
    return deployment;
  }
  if (groupOf(object) === 'batch' && ['Job', 'CronJob'].includes(object.kind))
    leftOut.note(object, 'its programs do not run: each of its pods succeeds at once');
  if (isCrd(object) && object.spec.conversion?.strategy === 'Webhook') {
    leftOut.note(object, 'its conversion webhook is left out');
    return { ...object, spec: { ...object.spec, conversion: { strategy: 'None' } } };
  }
  return object;
}

function rolloutReason(object: KubeObject): string | undefined {
  const isReference = isRollout(object) && deploymentOf(object) === undefined;
  return isReference ? 'the Deployment that it refers to runs in its place' : undefined;
}

const ownGroups = /(^|\.)(istio\.io|gateway\.networking\.k8s\.io|gateway\.networking\.x-k8s\.io)$/;

/** Reports whether an object of an installation of Istio has its counterpart in the local mesh. A gateway may have none. */
async function existsOrIsIstiod(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<boolean> {
  if (object.metadata.labels?.app === 'istiod' || client.kindOf(object) === undefined) return true;
  return (await client.get(object, signal)) !== undefined;
}

function isOwnCrd(client: KubeClient, object: KubeObject): boolean {
  if (!isCrd(object) || !ownGroups.test(object.spec.group)) return false;
  const { group, names } = object.spec;
  return client.kinds.some((one) => one.group === group && one.kind === names.kind);
}

function scopeIn(crds: readonly Crd[], object: KubeObject): boolean | undefined {
  const crd = crds.find(({ spec: { group, names, versions } }) => {
    const isServed = versions.some(({ name, served }) => served && `${group}/${name}` === object.apiVersion);
    return isServed && names.kind === object.kind;
  });
  return crd && crd.spec.scope === 'Namespaced';
}

/** Mistake in the kind of an object, and the field that contains it. */
interface KindProblem {
  readonly field: string;
  readonly message: string;
}

/** Groups that Kubernetes or Istio has removed. Of other unknown groups, only the CustomResourceDefinitions are missing. */
const removedGroups = /^(?:extensions|(?:authentication|config|rbac)\.istio\.io)$/;

/** Returns the mistake in the kind of an object, or undefined if the whole group is unknown. */
function unservedProblem(client: KubeClient, object: KubeObject): KindProblem | undefined {
  const { apiVersion, kind } = object;
  const ofGroup = client.kinds.filter(({ group }) => group === groupOf(object));
  if (ofGroup.length === 0) return removedGroups.test(groupOf(object)) ? removedProblem(client, object) : undefined;
  const versions = ofGroup.filter((one) => one.kind === kind).map(({ version }) => version);
  if (versions.length === 0) return { field: 'kind', message: `${apiVersion} has no kind ${kind}` };
  return { field: 'apiVersion', message: `"${apiVersion}" is not served: use ${versions.join(', ')}` };
}

function removedProblem(client: KubeClient, { apiVersion, kind }: KubeObject): KindProblem {
  const served = client.kinds.find((one) => one.kind === kind && ['apps', 'networking.k8s.io'].includes(one.group));
  const owner = apiVersion.includes('istio.io/') ? 'Istio' : 'Kubernetes';
  const advice = served === undefined ? `${owner} has removed it` : `use ${apiVersionOf(served)}`;
  return { field: 'apiVersion', message: `"${apiVersion}" is not served: ${advice}` };
}

/** Objects that are left out, and notes about others. Equal reasons are said once per kind. */
class LeftOut {
  private readonly byReason = new Map<string, KubeObject[]>();

  add(object: KubeObject, reason: string): void {
    // A user needs the name of each filter that is missing.
    const name = object.kind === 'EnvoyFilter' ? `${object.metadata.name} ${namespaceOf(object)}` : '';
    const key = `${object.kind} ${name}: ${reason}`;
    this.byReason.set(key, [...(this.byReason.get(key) ?? []), object]);
  }

  note(object: KubeObject, text: string): void {
    this.byReason.set(`${kubectlName(object)} ${namespaceOf(object)}: ${text}`, [object]);
  }

  lines(): string[] {
    return [...this.byReason].map(([key, objects]) => {
      const reason = key.slice(key.indexOf(': ') + 2);
      const [first] = objects;
      const names = objects.length === 1 && first ? kubectlName(first) : `${objects.length} objects of ${first?.kind}`;
      return `${names}: ${reason}`;
    });
  }
}
