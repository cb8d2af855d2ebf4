import type { LoggedRequest } from '../istio/access-log.ts';
import type { Manifest } from '../istio/manifest.ts';
import { isVirtualService } from '../istio/route-names.ts';
import { type Finding, type Part, titleOf } from './finding.ts';
import { gatewayRouteFindings, routeFindings } from './route-coverage.ts';
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
  const findings = manifests
    .map(({ object, whereIs }) => ({
      object: { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
      whereIs,
    }))
    .flatMap((manifest) => findingsOf(manifest, met));
  const hidden = manifests.find(changesLogs);
  const known = (finding: Finding): Finding =>
    hidden === undefined || finding.reason !== undefined || finding.object.startsWith('DestinationRule')
      ? finding
      : { ...finding, reason: `Telemetry ${hidden.object.metadata.name} changes the access logs, which say it` };
  const all = findings.map(known);
  return {
    untested: all.filter(({ reason }) => reason === undefined),
    unknown: all.flatMap((one) => (one.reason === undefined ? [] : [{ ...one, reason: one.reason }])),
  };
}

function changesLogs({ object }: Manifest): boolean {
  return object.kind === 'Telemetry' && (object.spec as { accessLogging?: unknown } | undefined)?.accessLogging != null;
}

function findingsOf(manifest: Manifest, met: Met): Finding[] {
  const { object } = manifest;
  if (isVirtualService(object)) return routeFindings(object, manifest.whereIs, met.requests);
  if (object.apiVersion.startsWith('networking.istio.io/') && object.kind === 'DestinationRule')
    return subsetFindings(manifest, met.clusters);
  if (object.apiVersion.startsWith('security.istio.io/') && object.kind === 'AuthorizationPolicy')
    return ruleFindings(manifest, met.requests);
  if (/^gateway\.networking\.k8s\.io\//.test(object.apiVersion) && /^(?:HTTP|GRPC)Route$/.test(object.kind))
    return gatewayRouteFindings(manifest, met.requests);
  return [];
}

function subsetFindings(manifest: Manifest, clusters: ReadonlySet<string>): Finding[] {
  const { metadata, spec } = manifest.object;
  const { host = '', subsets = [] } = (spec ?? {}) as { host?: string; subsets?: { name: string }[] };
  const full = host.includes('.') || host.includes('*') ? host : `${host}.${metadata.namespace}.svc.cluster.local`;
  const isMeant = (name: string): boolean => (full.startsWith('*') ? name.endsWith(full.slice(1)) : name === full);
  const met = new Set(
    [...clusters].flatMap((cluster) => {
      const [, , subset = '', name = ''] = cluster.split('|');
      return isMeant(name) ? [subset] : [];
    }),
  );
  return subsets.flatMap(({ name }, index) =>
    met.has(name)
      ? []
      : [
          {
            object: titleOf(manifest),
            part: `subset ${name}`,
            where: manifest.whereIs(['spec', 'subsets', String(index)]),
          },
        ],
  );
}

function ruleFindings(manifest: Manifest, requests: readonly LoggedRequest[]): Finding[] {
  const { metadata, spec } = manifest.object;
  const { action = 'ALLOW', rules = [] } = (spec ?? {}) as { action?: string; rules?: unknown[] };
  const isDryRun = metadata.annotations?.['istio.io/dry-run'] === 'true';
  const decided = new Set(requests.map(({ rule }) => rule));
  return rules.flatMap((_, index): Finding[] => {
    if (decided.has(`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[${index}]`)) return [];
    const finding = {
      object: titleOf(manifest),
      part: `rule ${index + 1}`,
      where: manifest.whereIs(['spec', 'rules', String(index)]),
    };
    if (isDryRun) return [{ ...finding, reason: 'it is a dry run, which decides nothing' }];
    return action === 'ALLOW' || action === 'DENY'
      ? [finding]
      : [{ ...finding, reason: `a proxy does not say which rule of action ${action} matched` }];
  });
}
