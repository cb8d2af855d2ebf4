import type { DestinationRule } from '../../istio/destination-rule.ts';
import type { Manifest } from '../../istio/manifest.ts';
import { namespaceOf } from '../../istio/objects.ts';
import { fullHost } from '../../istio/routes.ts';
import { parseCluster } from '../clusters.ts';
import { type Finding, titleOf } from '../finding.ts';

/**
 * The subsets of a DestinationRule that no request was sent to.
 *
 * @param all of the mesh: a cluster of a proxy does not say which of them it is from
 * @param clusters that requests were sent to, as proxies call them
 */
export function subsetFindings(
  rule: DestinationRule,
  whereIs: Manifest['whereIs'],
  all: readonly DestinationRule[],
  clusters: ReadonlySet<string>,
): Finding[] {
  const met = [...clusters].flatMap((name) => parseCluster(name) ?? []).filter(({ host }) => isAbout(rule, host));
  return (rule.spec.subsets ?? []).flatMap(({ name }, index): Finding[] => {
    const hosts = met.filter(({ subset }) => subset === name).map(({ host }) => host);
    const rivals = hosts.map((host) => inForce(all, host).filter((one) => hasSubset(one, name)));
    if (rivals.some((rules) => rules.length === 1 && rules[0] === rule)) return [];
    const finding = {
      object: titleOf({ object: rule }),
      part: `subset ${name}`,
      where: whereIs(['spec', 'subsets', String(index)]),
    };
    const other = rivals.find((rules) => rules.includes(rule))?.find((one) => one !== rule);
    if (other === undefined) return [finding];
    const reason = `${titleOf({ object: other })} has one of that name for the same host`;
    return [{ ...finding, reason }];
  });
}

/** The rules that some sidecar may have for a host: of those in one namespace, the one that names it most closely. */
function inForce(all: readonly DestinationRule[], host: string): DestinationRule[] {
  const about = all.filter((rule) => isAbout(rule, host));
  const isBeaten = (rule: DestinationRule): boolean =>
    about.some(
      ({ metadata, spec: { host: other, exportTo, workloadSelector } }) =>
        metadata.namespace === rule.metadata.namespace &&
        rule.spec.host.startsWith('*') &&
        (!other.startsWith('*') || other.length > rule.spec.host.length) &&
        exportTo === undefined &&
        workloadSelector === undefined,
    );
  return about.filter((rule) => !isBeaten(rule));
}

/** Whether a rule is about a host, which is given in full. */
function isAbout(rule: DestinationRule, name: string): boolean {
  const { host } = rule.spec;
  const full = fullHost(host, namespaceOf(rule));
  return host.startsWith('*') ? name.endsWith(host.slice(1)) : name === full;
}

function hasSubset({ spec }: DestinationRule, name: string): boolean {
  return (spec.subsets ?? []).some((subset) => subset.name === name);
}
