import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { isService, isWorkload, type KubeObject, type Service, selects } from '../../istio/resources/objects.ts';
import type { Caller, Probe } from '../probe.ts';

/** Returns the objects of manifests. */
export function objectsOf(sources: readonly ManifestSource[]): KubeObject[] {
  return parseManifests(sources).map(({ object }) => object);
}

/**
 * Names the callers of probes by their Services, as cases do.
 *
 * @param namespace namespace of objects without one
 */
export function withServiceNames(probes: readonly Probe[], objects: readonly KubeObject[], namespace: string): Probe[] {
  const services = objects.filter(isService);
  const named = (caller: Caller): Caller => {
    if (caller.kind !== 'workload') return caller;
    const service = services.find((one) => isOf(one, caller, namespace));
    return service === undefined ? caller : { ...caller, name: service.metadata.name };
  };
  return probes.map((probe) => ({ ...probe, caller: named(probe.caller) }));
}

function isOf(
  { metadata, spec }: Service,
  { namespace, labels }: Extract<Caller, { kind: 'workload' }>,
  defaultNamespace: string,
): boolean {
  return (metadata.namespace ?? defaultNamespace) === namespace && selects(spec.selector, labels);
}

/** Reports whether a probe has a caller or a destination that the manifests do not have, and that the mesh has added. */
export function needsFill(probes: readonly Probe[], objects: readonly KubeObject[], namespace: string): boolean {
  const namesOf = (some: readonly KubeObject[]): Set<string> =>
    new Set(some.map(({ metadata }) => `${metadata.namespace ?? namespace}/${metadata.name}`));
  const workloads = namesOf(objects.filter((object) => isWorkload(object) || object.kind === 'Pod'));
  return probes.some(
    ({ caller, destination }) =>
      (caller.kind === 'workload' && !workloads.has(`${caller.namespace}/${caller.name}`)) ||
      destination.workloads.some((workload) => !workloads.has(workload)),
  );
}
