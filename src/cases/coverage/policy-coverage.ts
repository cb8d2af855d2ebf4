import type { LoggedRequest } from '../../istio/observe/access-log.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { groupOf, type KubeObject } from '../../istio/resources/objects.ts';
import { type CoverageFinding, findingOf, objectTitle } from './finding.ts';

/** AuthorizationPolicy of Istio, with the fields that matter here. */
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
 * Returns a finding for each rule of a policy that decided no request.
 *
 * @param objects all objects of the mesh
 */
export function ruleFindings(
  policy: AuthorizationPolicy,
  whereIs: Manifest['whereIs'],
  objects: readonly KubeObject[],
  requests: readonly LoggedRequest[],
): CoverageFinding[] {
  const { metadata, spec } = policy;
  const decisive = new Set(requests.map(({ rule }) => rule));
  const reason = notLoggedReason(policy, objects);
  return (spec?.rules ?? []).flatMap((_, index) => {
    if (decisive.has(`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[${index}]`)) return [];
    const where = whereIs(['spec', 'rules', String(index)]);
    return [findingOf({ object: objectTitle(policy), part: `rule ${index + 1}`, where }, reason)];
  });
}

/** Returns the reason why proxies do not log the rules of a policy; undefined if they do. */
function notLoggedReason(
  { metadata, spec = {} }: AuthorizationPolicy,
  objects: readonly KubeObject[],
): string | undefined {
  const { action = 'ALLOW', targetRef, targetRefs = targetRef === undefined ? [] : [targetRef] } = spec;
  // istiod reads the annotation with Go's strconv.ParseBool.
  if (/^(?:1|t|true)$/i.test(metadata.annotations?.['istio.io/dry-run'] ?? ''))
    return 'the policy is a dry run and decides no request';
  if (action !== 'ALLOW' && action !== 'DENY') return `proxies do not always log the matching rule of action ${action}`;
  if (targetRefs.length > 0 && targetRefs.every((target) => !isGateway(target, metadata.namespace, objects)))
    return 'the policy is for waypoints, which do not run in a local mesh';
  return undefined;
}

/** Reports whether the target of a policy is a gateway whose pods run. */
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
