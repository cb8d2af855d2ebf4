import { isDeepStrictEqual } from 'node:util';
import { templateOf } from '../../cases/entry-clients.ts';
import { withoutServerFields } from '../../istio/apply/server-fields.ts';
import { meshmockContainer } from '../../istio/node/mock/mock-container.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { manifestsByIdentity } from '../../istio/resources/manifest-identity.ts';
import { type Container, groupOf, type KubeObject, type PodSpec } from '../../istio/resources/objects.ts';
import { isCertificate } from '../causes/certificate-secret.ts';
import type { NotCompared } from '../comparison.ts';

/**
 * Returns the objects that differ between two snapshots and whose effect no local mesh has, such as a NetworkPolicy or the
 * image of a container.
 *
 * @param namespace namespace of objects that name none
 */
export function unrunObjects(
  before: readonly Manifest[],
  after: readonly Manifest[],
  namespace: string,
): NotCompared[] {
  const [earlier, later] = [before, after].map((some) => manifestsByIdentity(some, namespace));
  const identities = new Set([...(earlier?.keys() ?? []), ...(later?.keys() ?? [])]);
  const found = [...identities].flatMap((identity): Unrun[] => {
    const [old, changed] = [earlier?.get(identity)?.object, later?.get(identity)?.object];
    const object = changed ?? old;
    if (object === undefined || isDeepStrictEqual(settingsOf(old), settingsOf(changed))) return [];
    const name = `${object.kind} ${nameOf(object, namespace)}`;
    const unrun = unrunParts(old, changed).map((part): Unrun => ({ ...part, name }));
    if (unrun.length > 0) return unrun;
    const reason = reasonOf(old, changed, object);
    return reason === undefined ? [] : [{ group: '', name, reason }];
  });
  return [...Map.groupBy(found, ({ group, reason }) => `${group} ${reason}`).values()].map((some) => {
    const names = some.map(({ name }) => name).join(', ');
    const [{ group, reason } = { group: '', reason: '' }] = some;
    return { subject: `${group} ${names}`.trim(), reason };
  });
}

/** Object whose change has no effect in a local mesh. */
interface Unrun {
  /** Text before the names of all objects of which the same is not compared. */
  readonly group: string;
  readonly name: string;
  readonly reason: string;
}

function nameOf({ metadata }: KubeObject, namespace: string): string {
  const of = metadata.namespace ?? namespace;
  return of === namespace ? metadata.name : `${of}/${metadata.name}`;
}

/** Returns an object without what servers add. */
function settingsOf(object: KubeObject | undefined): unknown {
  const { metadata, status: _, ...rest } = { ...object };
  return { ...rest, metadata: [metadata?.labels, object?.kind === 'Namespace' ? metadata?.annotations : undefined] };
}

/** Groups of which istiod, the controllers or kube-proxy of a local mesh read all kinds that decide about requests. */
const readGroups = /^$|^apps$|^discovery\.k8s\.io$|^argoproj\.io$|(?:^|\.)istio\.io$|^gateway\.networking\.k8s\.io$/;
/** Groups whose objects are about the machinery of a cluster, and not about requests. */
const silentGroups =
  /^(?:rbac\.authorization|storage|apiextensions|scheduling|coordination|node|certificates|admissionregistration|apiregistration|authentication|authorization|flowcontrol\.apiserver|resource|events)\.k8s\.io$|^policy$/;

function reasonOf(
  old: KubeObject | undefined,
  changed: KubeObject | undefined,
  object: KubeObject,
): string | undefined {
  const group = groupOf(object);
  switch (`${group}/${object.kind}`) {
    case 'networking.k8s.io/NetworkPolicy':
      return 'a local mesh has no network plugin that enforces it';
    case 'networking.k8s.io/Ingress':
    case 'networking.k8s.io/IngressClass':
      return undefined;
    case 'networking.istio.io/ProxyConfig':
      return 'it applies to pods that start later, and those of the mesh run already';
    case '/Namespace':
      return old === undefined || changed === undefined || !isAboutIstio(old, changed)
        ? undefined
        : 'its labels apply to pods that start later, and those of the mesh run already';
    case '/ConfigMap':
      // It holds the configuration of the mesh.
      if (object.metadata.name === 'istio') return undefined;
      return 'programs in containers read it, and mocks run in their place';
    case '/Secret':
      return isCertificate(object) ? undefined : 'programs in containers read it, and mocks run in their place';
    case 'autoscaling/HorizontalPodAutoscaler':
      return 'the load of the mesh does not change the number of pods';
    case 'batch/CronJob':
    case 'batch/Job':
      return 'mocks run in the place of its containers';
  }
  if (readGroups.test(group) || silentGroups.test(group)) return undefined;
  return 'nothing in a local mesh reads objects of this kind';
}

/** Reports whether labels or annotations of a namespace that Istio reads differ. */
function isAboutIstio(old: KubeObject, changed: KubeObject): boolean {
  const read = ({ metadata: { labels = {}, annotations = {} } }: KubeObject): unknown =>
    Object.entries({ ...annotations, ...labels })
      .filter(([name]) => /istio/.test(name))
      .toSorted();
  return !isDeepStrictEqual(read(old), read(changed));
}

/** Fields of a container that a mock does not have, or that only the container of a mock has. */
const containerFields = [
  ...['image', 'command', 'args', 'env', 'envFrom', 'resources', 'securityContext', 'lifecycle'],
  ...['livenessProbe', 'readinessProbe', 'startupProbe'],
] as const;
/** Fields that decide about a mock if its container runs meshmock. */
const mockFields: ReadonlySet<string> = new Set(['command', 'args', 'env', 'envFrom']);

/** Fields of a pod that requests show: those of its containers are compared one by one. */
const shownPodFields: ReadonlySet<string> = new Set([
  ...['containers', 'initContainers', 'serviceAccountName', 'serviceAccount', 'hostname', 'subdomain'],
  ...['hostNetwork', 'hostAliases', 'dnsPolicy', 'dnsConfig'],
]);
/** Fields of a pod that an API server fills in, with its values. */
const podDefaults: Readonly<Record<string, unknown>> = {
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  securityContext: {},
  terminationGracePeriodSeconds: 30,
  volumes: [],
};

/** Returns the parts of pods that both sides have, that differ, and that no local mesh runs. */
function unrunParts(old: KubeObject | undefined, changed: KubeObject | undefined): Omit<Unrun, 'name'>[] {
  if (old === undefined || changed === undefined) return [];
  const [earlier, later] = [old, changed].map((object) => templateOf(withoutServerFields(object))?.spec);
  if (earlier === undefined || later === undefined) return [];
  const own = meshmockContainer(later)?.name;
  const containers = changedFields(earlier.containers, later.containers, own);
  const initial = changedFields(earlier.initContainers ?? [], later.initContainers ?? [], undefined);
  const fields = [...new Set([...Object.keys(earlier), ...Object.keys(later)])].filter(
    (field) => !shownPodFields.has(field) && !isDeepStrictEqual(podFieldOf(earlier, field), podFieldOf(later, field)),
  );
  const part = (texts: readonly string[], of: string, reason: string): Omit<Unrun, 'name'>[] =>
    texts.length === 0 ? [] : [{ group: `${texts.join(', ')} of ${of} of`, reason }];
  return [
    ...part(containers, 'containers', 'mocks run in their place'),
    ...part(initial, 'init containers', 'a local mesh runs only those of Istio'),
    ...part(fields, 'pods', 'a local mesh does not use them, or only for files of mocks'),
  ];
}

function podFieldOf(spec: PodSpec, field: string): unknown {
  return (spec as unknown as Readonly<Record<string, unknown>>)[field] ?? podDefaults[field];
}

/**
 * Returns the fields of containers that differ and that no mock has.
 *
 * @param own name of the container whose settings apply to the mock
 */
function changedFields(earlier: readonly Container[], later: readonly Container[], own: string | undefined): string[] {
  const fields = later.flatMap((container) => {
    const one = earlier.find(({ name }) => name === container.name);
    if (one === undefined) return ['number'];
    return containerFields.filter(
      (field) =>
        !(container.name === own && mockFields.has(field)) &&
        !isDeepStrictEqual(fieldOf(one, field), fieldOf(container, field)),
    );
  });
  return [...new Set([...fields, ...(earlier.length > later.length ? ['number'] : [])])];
}

function fieldOf(container: Container, field: string): unknown {
  return (container as unknown as Readonly<Record<string, unknown>>)[field];
}
