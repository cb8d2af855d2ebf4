import type { LoggedRequest } from '../istio/access-log.ts';
import type { Manifest } from '../istio/manifest.ts';
import { groupOf, type KubeObject } from '../istio/objects.ts';
import { isApiRoute } from '../istio/route-names.ts';
import { isVirtualService } from '../istio/virtual-service.ts';
import { type Finding, type Part, titleOf } from './finding.ts';
import { MetRoutes } from './met-routes.ts';
import { apiRouteFindings, routeFindings } from './route-coverage.ts';
import { isDestinationRule, subsetFindings } from './subset-coverage.ts';
import type { Met } from './traffic.ts';

export interface Coverage {
  readonly untested: readonly Part[];
  readonly unknown: readonly (Part & { readonly reason: string })[];
}

/**
 * What no request met of the routes, subsets and policy rules in manifests.
 *
 * @param namespace of objects that say none
 */
export function coverageOf(manifests: readonly Manifest[], namespace: string, met: Met): Coverage {
  const all = manifests.map(({ object, whereIs }) => ({
    object: { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
    whereIs,
  }));
  const objects = all.map(({ object }) => object);
  const around = { met, objects, routes: new MetRoutes(objects, met.requests) };
  const hidden = manifests.find(changesLogs);
  const findings = all
    .flatMap((manifest) => findingsOf(manifest, around))
    .map((finding) =>
      hidden === undefined || finding.reason !== undefined || finding.object.startsWith('DestinationRule')
        ? finding
        : { ...finding, reason: `Telemetry ${hidden.object.metadata.name} changes the access logs, which say it` },
    );
  return {
    untested: findings.filter(({ reason }) => reason === undefined),
    unknown: findings.flatMap((one) => (one.reason === undefined ? [] : [{ ...one, reason: one.reason }])),
  };
}

function changesLogs({ object }: Manifest): boolean {
  return object.kind === 'Telemetry' && (object.spec as { accessLogging?: unknown } | undefined)?.accessLogging != null;
}

/** What a mesh has, and what requests met of it. */
interface Around {
  readonly objects: readonly KubeObject[];
  readonly met: Met;
  readonly routes: MetRoutes;
}

function findingsOf(manifest: Manifest, { objects, met, routes }: Around): Finding[] {
  const { object, whereIs } = manifest;
  if (isVirtualService(object)) return routeFindings(object, whereIs, routes);
  if (isApiRoute(object)) return apiRouteFindings(object, whereIs, routes);
  if (isDestinationRule(object))
    return subsetFindings(object, whereIs, objects.filter(isDestinationRule), met.clusters);
  if (groupOf(object) === 'security.istio.io' && object.kind === 'AuthorizationPolicy')
    return ruleFindings(manifest, objects, met.requests);
  return [];
}

interface PolicySpec {
  readonly action?: string;
  readonly rules?: readonly unknown[];
  readonly targetRefs?: readonly TargetRef[];
  readonly targetRef?: TargetRef;
}

interface TargetRef {
  readonly kind: string;
  readonly name: string;
}

function ruleFindings(
  manifest: Manifest,
  objects: readonly KubeObject[],
  requests: readonly LoggedRequest[],
): Finding[] {
  const { metadata, spec } = manifest.object;
  const { rules = [] } = (spec ?? {}) as PolicySpec;
  const decided = new Set(requests.map(({ rule }) => rule));
  const reason = whyNotSaid(manifest.object, objects);
  return rules.flatMap((_, index): Finding[] => {
    if (decided.has(`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[${index}]`)) return [];
    const finding = {
      object: titleOf(manifest),
      part: `rule ${index + 1}`,
      where: manifest.whereIs(['spec', 'rules', String(index)]),
    };
    return [reason === undefined ? finding : { ...finding, reason }];
  });
}

/** Why no proxy would say that a rule of a policy was met, if so. */
function whyNotSaid({ metadata, spec }: KubeObject, objects: readonly KubeObject[]): string | undefined {
  const {
    action = 'ALLOW',
    targetRef,
    targetRefs = targetRef === undefined ? [] : [targetRef],
  } = (spec ?? {}) as PolicySpec;
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
