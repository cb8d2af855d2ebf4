import { isDestinationRule } from '../../istio/resources/destination-rule.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import type { KubeObject } from '../../istio/resources/objects.ts';
import { isGatewayApiRoute } from '../../istio/resources/route-names.ts';
import { isVirtualService } from '../../istio/resources/virtual-service.ts';
import type { Coverage } from '../coverage-result.ts';
import { CoveredRoutes } from './covered-routes.ts';
import type { CoverageFinding } from './finding.ts';
import { isAuthorizationPolicy, ruleFindings } from './policy-coverage.ts';
import { gatewayApiRouteFindings, routeFindings } from './route-coverage.ts';
import { subsetFindings } from './subset-coverage.ts';
import type { RecordedTraffic } from './traffic-recorder.ts';

/**
 * Returns the routes, subsets and policy rules of manifests that no request covers.
 *
 * @param namespace namespace of objects that name none
 */
export function coverageOf(manifests: readonly Manifest[], namespace: string, traffic: RecordedTraffic): Coverage {
  const complete = manifests.map(({ object, whereIs }) => ({
    object: { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
    whereIs,
  }));
  const objects = complete.map(({ object }) => object);
  const context = { objects, traffic, routes: new CoveredRoutes(objects, traffic.requests) };
  const findings = complete.flatMap((manifest) => findingsOf(manifest, context));
  return {
    untested: findings.flatMap((finding) => (finding.kind === 'untested' ? [finding.part] : [])),
    unknown: findings.flatMap((finding) =>
      finding.kind === 'unknown' ? [{ ...finding.part, reason: finding.reason }] : [],
    ),
  };
}

/** Objects of a mesh, and the traffic that covers them. */
interface CoverageContext {
  readonly objects: readonly KubeObject[];
  readonly traffic: RecordedTraffic;
  readonly routes: CoveredRoutes;
}

function findingsOf({ object, whereIs }: Manifest, { objects, traffic, routes }: CoverageContext): CoverageFinding[] {
  if (isDestinationRule(object))
    return subsetFindings(object, whereIs, objects.filter(isDestinationRule), traffic.clusters);
  return loggedFindings(object, whereIs, { objects, traffic, routes }).map((finding) =>
    withLogChange(finding, objects),
  );
}

function loggedFindings(
  object: KubeObject,
  whereIs: Manifest['whereIs'],
  { objects, traffic, routes }: CoverageContext,
): CoverageFinding[] {
  if (isVirtualService(object)) return routeFindings(object, whereIs, routes);
  if (isGatewayApiRoute(object)) return gatewayApiRouteFindings(object, whereIs, routes);
  if (isAuthorizationPolicy(object)) return ruleFindings(object, whereIs, objects, traffic.requests);
  return [];
}

/** Makes an untested part unknown if a Telemetry changes the access logs that show it. */
function withLogChange(finding: CoverageFinding, objects: readonly KubeObject[]): CoverageFinding {
  const telemetry = objects.find(changesAccessLogs);
  if (telemetry === undefined || finding.kind === 'unknown') return finding;
  const reason = `Telemetry ${telemetry.metadata.name} changes the access logs, which would show it`;
  return { kind: 'unknown', part: finding.part, reason };
}

function changesAccessLogs({ kind, spec }: KubeObject): boolean {
  return kind === 'Telemetry' && (spec as { accessLogging?: unknown } | undefined)?.accessLogging != null;
}
