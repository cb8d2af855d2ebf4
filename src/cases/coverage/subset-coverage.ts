import type { DestinationRule } from '../../istio/resources/destination-rule.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { namespaceOf } from '../../istio/resources/objects.ts';
import { fullHost } from '../../istio/resources/routes.ts';
import { parseClusterName } from '../envoy-clusters.ts';
import { type CoverageFinding, findingOf, objectTitle } from './finding.ts';

/**
 * Returns a finding for each subset of a DestinationRule that no request was sent to.
 *
 * @param rules all DestinationRules of the mesh, because the name of a cluster does not show which rule made it
 * @param clusters names of the Envoy clusters that requests were sent to
 */
export function subsetFindings(
  rule: DestinationRule,
  whereIs: Manifest['whereIs'],
  rules: readonly DestinationRule[],
  clusters: ReadonlySet<string>,
): CoverageFinding[] {
  const used = [...clusters]
    .flatMap((name) => parseClusterName(name) ?? [])
    .filter(({ host }) => isForHost(rule, host));
  return (rule.spec.subsets ?? []).flatMap(({ name }, index): CoverageFinding[] => {
    const hosts = used.filter(({ subset }) => subset === name).map(({ host }) => host);
    const candidates = hosts.map((host) => rulesInForce(rules, host).filter((one) => hasSubset(one, name)));
    if (candidates.some((inForce) => inForce.length === 1 && inForce[0] === rule)) return [];
    const other = candidates.find((inForce) => inForce.includes(rule))?.find((one) => one !== rule);
    const where = whereIs(['spec', 'subsets', String(index)]);
    const part = { object: objectTitle(rule), part: `subset ${name}`, where };
    if (other === undefined) return [findingOf(part, undefined)];
    return [findingOf(part, `${objectTitle(other)} has a subset with the same name for the same host`)];
  });
}

/** Returns the rules that a sidecar may use for a host. In each namespace, the most specific host wins. */
function rulesInForce(rules: readonly DestinationRule[], host: string): DestinationRule[] {
  const forHost = rules.filter((rule) => isForHost(rule, host));
  const isOverridden = (rule: DestinationRule): boolean =>
    forHost.some(
      ({ metadata, spec: { host: other, exportTo, workloadSelector } }) =>
        metadata.namespace === rule.metadata.namespace &&
        rule.spec.host.startsWith('*') &&
        (!other.startsWith('*') || other.length > rule.spec.host.length) &&
        exportTo === undefined &&
        workloadSelector === undefined,
    );
  return forHost.filter((rule) => !isOverridden(rule));
}

/** Reports whether a rule applies to a full host. */
function isForHost(rule: DestinationRule, fullName: string): boolean {
  const { host } = rule.spec;
  return host.startsWith('*') ? fullName.endsWith(host.slice(1)) : fullName === fullHost(host, namespaceOf(rule));
}

function hasSubset({ spec }: DestinationRule, name: string): boolean {
  return (spec.subsets ?? []).some((subset) => subset.name === name);
}
