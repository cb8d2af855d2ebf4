import { groupOf, type KubeObject } from '../objects.ts';

/** A kind that the API serves. */
export interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** A CustomResourceDefinition, as much as is looked at. */
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

/** Those that istiod watches, and those that manifests for it bring along. */
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

/** The kinds that are known, by group and kind and by group and plural. */
export class Kinds {
  private readonly byKind = new Map<string, Kind>();
  private readonly byPlural = new Map<string, Kind>();

  constructor(crds: readonly Crd[]) {
    const custom = crds.map(({ spec: { group, scope, names } }) => ({
      group,
      ...{ kind: names.kind, plural: names.plural },
      namespaced: scope === 'Namespaced',
    }));
    for (const kind of [...builtin, ...custom]) {
      this.byKind.set(`${kind.group}/${kind.kind}`, kind);
      this.byPlural.set(`${kind.group}/${kind.plural}`, kind);
    }
  }

  /** The kind of an object, if the API serves it. */
  of(object: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind | undefined {
    return this.byKind.get(`${groupOf(object)}/${object.kind}`);
  }

  /** Whether there are kinds in the group of an object. */
  hasGroupOf(object: Pick<KubeObject, 'apiVersion'>): boolean {
    return [...this.byKind.values()].some(({ group }) => group === groupOf(object));
  }

  named(group: string, plural: string): Kind | undefined {
    return this.byPlural.get(`${group}/${plural}`);
  }
}
