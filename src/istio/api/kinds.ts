import { groupOf, type KubeObject } from '../objects.ts';

/** Kind of objects that the API serves. */
export interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** CustomResourceDefinition, with the fields that are read here. */
export interface Crd extends KubeObject {
  spec: {
    group: string;
    scope: 'Namespaced' | 'Cluster';
    names: { kind: string; plural: string };
    versions: { name: string; schema?: { openAPIV3Schema: Record<string, unknown> }; [field: string]: unknown }[];
  };
}

const namespaced = true;

const clusterWide = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'IngressClass'];

/** Kubernetes' own kinds: those that istiod watches, and those that manifests for a mesh often contain. */
const builtin: readonly Kind[] = [
  ...core(['Service', 'Pod', 'ConfigMap', 'Secret', 'ServiceAccount'], namespaced),
  { group: '', kind: 'Endpoints', plural: 'endpoints', namespaced },
  ...core(['Namespace', 'Node'], false),
  ...inGroup('apps', ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']),
  ...inGroup('admissionregistration.k8s.io', clusterWide),
  ...inGroup('policy', ['PodDisruptionBudget']),
  ...inGroup('autoscaling', ['HorizontalPodAutoscaler']),
  ...inGroup('networking.k8s.io', ['Ingress', 'IngressClass', 'NetworkPolicy']),
  { group: 'discovery.k8s.io', kind: 'EndpointSlice', plural: 'endpointslices', namespaced },
  {
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
  },
];

function core(kinds: readonly string[], isNamespaced: boolean): Kind[] {
  return kinds.map((kind) => ({ group: '', kind, plural: pluralOf(kind), namespaced: isNamespaced }));
}

function inGroup(group: string, kinds: readonly string[]): Kind[] {
  return kinds.map((kind) => ({ group, kind, plural: pluralOf(kind), namespaced: !clusterWide.includes(kind) }));
}

function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name.endsWith('s')) return `${name}es`;
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`;
}

/** Kinds that the API serves, found by group and kind or by group and plural. */
export class Kinds {
  private readonly byKind = new Map<string, Kind>();
  private readonly byPlural = new Map<string, Kind>();

  constructor(crds: readonly Crd[]) {
    const custom = crds.map(({ spec: { group, scope, names } }) => ({
      group,
      kind: names.kind,
      plural: names.plural,
      namespaced: scope === 'Namespaced',
    }));
    for (const kind of [...builtin, ...custom]) {
      this.byKind.set(`${kind.group}/${kind.kind}`, kind);
      this.byPlural.set(`${kind.group}/${kind.plural}`, kind);
    }
  }

  /** Returns the kind of an object, or undefined if the API does not serve it. */
  of(object: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind | undefined {
    return this.byKind.get(`${groupOf(object)}/${object.kind}`);
  }

  /** Reports whether the API serves any kind of an object's group. */
  hasGroupOf(object: Pick<KubeObject, 'apiVersion'>): boolean {
    return [...this.byKind.values()].some(({ group }) => group === groupOf(object));
  }

  /** Returns the kind with this plural name, as paths of the API contain it. */
  ofPlural(group: string, plural: string): Kind | undefined {
    return this.byPlural.get(`${group}/${plural}`);
  }
}
