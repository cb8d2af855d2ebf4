import { isDestinationRule } from '../../istio/destination-rule.ts';
import type { Manifest } from '../../istio/manifest.ts';
import type { KubeObject } from '../../istio/objects.ts';
import { isGatewayApiRoute } from '../../istio/route-names.ts';
import { isVirtualService } from '../../istio/virtual-service.ts';
import type { Coverage, Finding } from '../finding.ts';
import { CoveredRoutes } from './covered-routes.ts';
import { isAuthorizationPolicy, ruleFindings } from './policy-coverage.ts';
import { apiRouteFindings, routeFindings } from './route-coverage.ts';
import { subsetFindings } from './subset-coverage.ts';
import type { Covered } from './traffic.ts';

/**
 * What no request met of the routes, subsets and policy rules in manifests.
 *
 * @param namespace of objects that say none
 */
export function coverageOf(manifests: readonly Manifest[], namespace: string, met: Covered): Coverage {
  const all = manifests.map(({ object, whereIs }) => ({
    object: { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
    whereIs,
  }));
  const objects = all.map(({ object }) => object);
  const around = { met, objects, routes: new CoveredRoutes(objects, met.requests) };
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
  readonly met: Covered;
  readonly routes: CoveredRoutes;
}

function findingsOf(manifest: Manifest, { objects, met, routes }: Around): Finding[] {
  const { object, whereIs } = manifest;
  if (isVirtualService(object)) return routeFindings(object, whereIs, routes);
  if (isGatewayApiRoute(object)) return apiRouteFindings(object, whereIs, routes);
  if (isDestinationRule(object))
    return subsetFindings(object, whereIs, objects.filter(isDestinationRule), met.clusters);
  if (isAuthorizationPolicy(object)) return ruleFindings(object, whereIs, objects, met.requests);
  return [];
}
