import type { LoggedRequest } from '../../istio/access-log.ts';
import type { Manifest } from '../../istio/manifest.ts';
import { groupOf, type KubeObject } from '../../istio/objects.ts';
import { type CoverageFinding, objectTitle } from '../finding.ts';

/** Istio's AuthorizationPolicy, as much as is looked at. */
export interface AuthorizationPolicy extends KubeObject {
  spec?: {
    action?: string;
    rules?: unknown[];
    targetRefs?: TargetRef[];
    targetRef?: TargetRef;
  };
}

interface TargetRef {
  kind: string;
  name: string;
}

export function isAuthorizationPolicy(object: KubeObject): object is AuthorizationPolicy {
  return object.kind === 'AuthorizationPolicy' && groupOf(object) === 'security.istio.io';
}

/**
 * The rules of a policy that decided no request.
 *
 * @param objects all of the mesh
 */
export function ruleFindings(
  policy: AuthorizationPolicy,
  whereIs: Manifest['whereIs'],
  objects: readonly KubeObject[],
  requests: readonly LoggedRequest[],
): CoverageFinding[] {
  const { metadata, spec } = policy;
  const decided = new Set(requests.map(({ rule }) => rule));
  const reason = whyNotSaid(policy, objects);
  return (spec?.rules ?? []).flatMap((_, index): CoverageFinding[] => {
    if (decided.has(`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[${index}]`)) return [];
    const finding = {
      object: objectTitle({ object: policy }),
      part: `rule ${index + 1}`,
      where: whereIs(['spec', 'rules', String(index)]),
    };
    return [reason === undefined ? finding : { ...finding, reason }];
  });
}

/** Why no proxy would say that a rule of a policy was met, if so. */
function whyNotSaid({ metadata, spec = {} }: AuthorizationPolicy, objects: readonly KubeObject[]): string | undefined {
  const { action = 'ALLOW', targetRef, targetRefs = targetRef === undefined ? [] : [targetRef] } = spec;
  // As istiod reads it.
  if (/^(?:1|t|true)$/i.test(metadata.annotations?.['istio.io/dry-run'] ?? ''))
    return 'it is a dry run, which decides nothing';
  if (action !== 'ALLOW' && action !== 'DENY')
    return `a proxy does not always say which rule of action ${action} matched`;
  if (targetRefs.length > 0 && targetRefs.every((target) => !isGateway(target, metadata.namespace, objects)))
    return 'it is for waypoints, and none runs here';
  return undefined;
}

/** Whether a policy's target is a gateway whose pods run. */
function isGateway({ kind, name }: TargetRef, namespace: string | undefined, objects: readonly KubeObject[]): boolean {
  if (kind !== 'Gateway') return false;
  const found = objects.find(
    (one) =>
      one.kind === 'Gateway' &&
      groupOf(one) === 'gateway.networking.k8s.io' &&
      one.metadata.name === name &&
      one.metadata.namespace === namespace,
  );
  return (found?.spec as { gatewayClassName?: string } | undefined)?.gatewayClassName !== 'istio-waypoint';
}
