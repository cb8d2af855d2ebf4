import type { Random } from '../../../random.ts';
import { destinationRuleFields } from './destination-rule.ts';
import type { FieldMutation, PlacedMutation, Site } from './field-mutation.ts';
import { gatewayFields } from './gateway.ts';
import { gatewayApiFields } from './gateway-api.ts';
import { hostFields } from './hosts.ts';
import type { MutatedMesh } from './meshes.ts';
import { authorizationFields, peerAuthenticationFields, requestAuthenticationFields } from './policies.ts';
import { virtualServiceFields } from './virtual-service.ts';

export const fieldMutations: readonly FieldMutation[] = [
  ...virtualServiceFields,
  ...destinationRuleFields,
  ...authorizationFields,
  ...peerAuthenticationFields,
  ...requestAuthenticationFields,
  ...gatewayFields,
  ...gatewayApiFields,
  ...hostFields,
];

/** Mutations that one comparison has together, each at a site of its own. */
export interface Batch {
  readonly mesh: MutatedMesh;
  readonly mutations: readonly PlacedMutation[];
}

/**
 * Returns mutations of random sites in batches, those of one mesh after another. Each field has one before any has a second
 * one.
 */
export function planBatches(
  meshes: readonly MutatedMesh[],
  count: number,
  random: Random,
  fields = fieldMutations,
): Batch[] {
  const batches: { mesh: MutatedMesh; mutations: PlacedMutation[] }[] = [];
  const place = (mutation: FieldMutation): void => {
    const possible = meshes.flatMap((mesh) =>
      mesh.sites.filter((site) => isPossible(mutation, site, mesh)).map((site) => ({ mesh, site })),
    );
    const { mesh, site } = random.pick(possible);
    const placed = { mutation, site, ...mutation.change(site, random) };
    const free = batches.find(
      (batch) =>
        batch.mesh === mesh &&
        batch.mutations.every(
          (one) => one.site !== site && (one.mutation.caller === undefined || mutation.caller === undefined),
        ),
    );
    if (free === undefined) batches.push({ mesh, mutations: [placed] });
    else free.mutations.push(placed);
  };
  const ordered = Array.from({ length: Math.ceil(count / fields.length) }, () => shuffled(fields, random)).flat();
  for (const mutation of ordered.slice(0, count)) place(mutation);
  return meshes.flatMap((mesh) => batches.filter((batch) => batch.mesh === mesh));
}

function isPossible({ needs }: FieldMutation, site: Site, mesh: MutatedMesh): boolean {
  const has: Readonly<Record<Exclude<FieldMutation['needs'], undefined>, boolean>> = {
    versions: site.versions.length > 1,
    grpc: site.grpcPort !== undefined,
    tcp: site.tcpPort !== undefined,
    namespaces: site.otherNamespace !== undefined && site.namespace !== 'default',
    outside: mesh.hasOutside,
    'gateway api': mesh.hasFront,
  };
  return needs === undefined || has[needs];
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, key: random.next() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
