import {
  groupOf,
  isService,
  isWorkload,
  type KubeObject,
  namespaceOf,
  type ObjectMeta,
  type PodSpec,
  type Workload,
} from '../istio/resources/objects.ts';
import { type Case, type CaseFile, type CaseRequest, casesOf, outsideName } from './case.ts';

/** Template of the pods of an object. */
export interface PodTemplate {
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec: PodSpec;
}

/** Name of the pod with a sidecar in which cases of a file with `fill` begin. */
export const neutralClient = 'meshmock-client';

const clientLabel = 'meshmock.dev/case-client';

/** Returns the template of the pods that an object always has: of a workload, a Rollout or a Pod itself. */
export function templateOf(object: KubeObject): PodTemplate | undefined {
  if (isWorkload(object)) return object.spec.template;
  if (object.kind === 'Pod' && object.apiVersion === 'v1')
    return { metadata: object.metadata, spec: object.spec as PodSpec };
  if (object.kind === 'Rollout') return (object.spec as { template?: PodTemplate } | undefined)?.template;
  return undefined;
}

/** Returns the template of the pods of a Job or CronJob. They succeed at once, so no request can begin in one of them. */
export function jobTemplateOf(object: KubeObject): PodTemplate | undefined {
  if (groupOf(object) !== 'batch') return undefined;
  const { spec } = object as { spec?: { template?: PodTemplate; jobTemplate?: { spec?: { template?: PodTemplate } } } };
  return object.kind === 'CronJob' ? spec?.jobTemplate?.spec?.template : spec?.template;
}

/**
 * Returns the pods in which cases of a file begin and that its manifests do not have: outside the mesh, in the place of a
 * Job, and a neutral client for a file with `fill`.
 *
 * @param objects objects of the manifests, each with its namespace
 */
export function entryClients(file: CaseFile, objects: readonly KubeObject[]): Workload[] {
  const { namespace } = file;
  const requests = casesOf(file).flatMap(requestsOf);
  const names = new Set(requests.flatMap(({ from }) => from ?? []));
  const isTaken = (name: string): boolean =>
    objects.some(
      (object) =>
        (isService(object) || templateOf(object) !== undefined) &&
        [name, `${name}.${namespace}`].includes(object.metadata.name) &&
        namespaceOf(object) === namespace,
    );
  return [
    ...(names.has(outsideName) && !isTaken(outsideName) ? [outsideClient(namespace)] : []),
    ...(needsNeutralClient(file) ? [client(neutralClient, namespace, {})] : []),
    ...objects.flatMap((object) => {
      const template = jobTemplateOf(object);
      const { name } = object.metadata;
      const isNamed = names.has(name) || names.has(`${name}.${namespaceOf(object)}`);
      return template === undefined || !isNamed || isTaken(name) ? [] : [jobClient(object, template)];
    }),
  ];
}

/** Reports whether requests of a file begin in the neutral client. */
export function needsNeutralClient(file: CaseFile): boolean {
  return (
    file.fill &&
    casesOf(file)
      .flatMap(requestsOf)
      .some(({ from, url }) => from === undefined && url === undefined)
  );
}

/** Returns the requests of a case, as far as they are known before it runs. */
function requestsOf(testCase: Case): CaseRequest[] {
  if (testCase.kind === 'route') return [];
  return [testCase, ...testCase.then.map(({ sample }) => sample)];
}

/** Returns a workload without a sidecar. */
export function outsideClient(namespace: string, name = outsideName): Workload {
  return client(name, namespace, { 'sidecar.istio.io/inject': 'false' });
}

function client(name: string, namespace: string, labels: Readonly<Record<string, string>>): Workload {
  return deployment(name, namespace, {
    metadata: { labels: { app: name, ...labels } },
    spec: { containers: [{ name: 'mock', image: 'meshmock' }] },
  });
}

/** Returns a Deployment with the pods of a Job. Their labels, account and annotations decide what they may call. */
function jobClient(job: KubeObject, { metadata = {}, spec }: PodTemplate): Workload {
  const { restartPolicy: _, ...running } = spec as PodSpec & { restartPolicy?: string };
  return deployment(job.metadata.name, namespaceOf(job), { metadata, spec: running });
}

function deployment(name: string, namespace: string, { metadata = {}, spec }: PodTemplate): Workload {
  const labels = { [clientLabel]: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { ...metadata, labels: { ...metadata.labels, ...labels } }, spec },
    },
  };
}
