import type { KubeObject } from '../resources/objects.ts';

/** Kind of objects that the API server serves, in one version. */
export interface Kind {
  /** API group; the core group is the empty text. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Name in paths of the API, such as `virtualservices`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Reference to a kind. Every object is one. */
export type KindRef = Pick<KubeObject, 'apiVersion' | 'kind'>;

/** Reference to an object. Every object is one. */
export interface ObjectRef extends KindRef {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Answer to aggregated discovery (`APIGroupDiscoveryList`), with the fields that are read here. */
export interface GroupDiscovery {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly scope: 'Namespaced' | 'Cluster';
        readonly responseKind?: { readonly kind: string };
      }[];
    }[];
  }[];
}

/** Returns the kinds of an answer to aggregated discovery. */
export function kindsOf({ items = [] }: GroupDiscovery): Kind[] {
  return items.flatMap(({ metadata, versions = [] }) =>
    versions.flatMap(({ version, resources = [] }) =>
      resources.flatMap(({ resource, scope, responseKind }): Kind[] => {
        if (responseKind === undefined) return [];
        const group = metadata?.name ?? '';
        const { kind } = responseKind;
        return [{ group, version, kind, plural: resource, namespaced: scope === 'Namespaced' }];
      }),
    ),
  );
}

/** Returns the `apiVersion` of a kind's objects. */
export function apiVersionOf({ group, version }: Pick<Kind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Returns the path of a kind's objects, in one namespace or in all, or of one object of the kind. */
export function pathOf(kind: Kind, { namespace, name, subresource }: PathParts): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced && namespace !== undefined ? ['namespaces', namespace] : [];
  const parts = [...scope, kind.plural, name, subresource].filter((part) => part !== undefined);
  return [root, ...parts.map(encodeURIComponent)].join('/');
}

interface PathParts {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}
