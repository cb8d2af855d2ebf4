import type { Cause } from '../cause.ts';
import type { NotCompared } from '../comparison.ts';
import type { EdgeParts } from '../pieces/edge-parts.ts';
import { canonicalText, type JsonObject, textAt } from '../pieces/json.ts';
import { causeOfPath } from '../requests/causes.ts';
import { withoutSecrets } from '../secret-fields.ts';
import type { SecretMarks } from '../secret-values.ts';

/** Fields of a cluster that requests show, or that other functions list. */
const shownFields = new Set([
  ...['name', 'alt_stat_name', 'type', 'eds_cluster_config', 'load_assignment', 'metadata', 'filters'],
  ...['circuit_breakers', 'outlier_detection', 'transport_socket', 'transport_socket_matches', 'cluster_type'],
]);

/** Names for people of settings of a cluster that a request alone does not show. Others have the name of their field. */
const hiddenSettings: Readonly<Record<string, string>> = {
  typed_extension_protocol_options: 'connection settings',
  connect_timeout: 'connect timeout',
  upstream_connection_options: 'TCP keepalive',
  lb_policy: 'load balancing',
  least_request_lb_config: 'load balancing',
  ring_hash_lb_config: 'load balancing',
  maglev_lb_config: 'load balancing',
  slow_start_config: 'load balancing',
  common_lb_config: 'load balancing',
  max_requests_per_connection: 'connection limits',
};

/** Returns the objects of clusters that differ, and their settings that probes do not show. */
export function clusterChanges(
  before: EdgeParts,
  after: EdgeParts,
  secrets: SecretMarks,
): { readonly causes: readonly Cause[]; readonly notCompared: readonly NotCompared[] } {
  const earlier = byName(before);
  const later = byName(after);
  const causes: Cause[] = [];
  const notCompared: NotCompared[] = [];
  for (const name of new Set([...later.keys(), ...earlier.keys()])) {
    const [one, other] = [earlier.get(name), later.get(name)];
    if (canonicalText(one) === canonicalText(other)) continue;
    for (const cluster of [other, one]) {
      const cause = causeOfPath(textAt(cluster, 'metadata', 'filter_metadata', 'istio', 'config'), '');
      if (cause !== undefined) causes.push(cause);
    }
    if (one === undefined || other === undefined) continue;
    const changed = [...new Set([...Object.keys(one), ...Object.keys(other)])]
      .filter((field) => !shownFields.has(field) && canonicalText(one[field]) !== canonicalText(other[field]))
      .map((field): [string, string] => [field, hiddenSettings[field] ?? field]);
    for (const title of new Set(changed.map(([, text]) => text)))
      notCompared.push({
        subject: `${title} of ${hostOfCluster(name)}`,
        reason: `its settings differ, and a single request does not show them: ${changed
          .filter(([, text]) => text === title)
          .map(([field]) => `${field} ${shown(one, field, secrets)} → ${shown(other, field, secrets)}`)
          .join(', ')}`,
      });
  }
  return { causes, notCompared };
}

function byName({ sender }: EdgeParts): Map<string, JsonObject> {
  return new Map((sender?.clusters ?? []).map((one) => [textAt(one, 'name') ?? '', one]));
}

/** Returns the host, the port and the subset in the name of a cluster, such as `outbound|9080|v1|reviews`. */
function hostOfCluster(name: string): string {
  const [, port, subset = '', host] = name.split('|');
  if (host === undefined) return name;
  return `${host}:${port}${subset === '' ? '' : ` (${subset})`}`;
}

function shown(cluster: JsonObject, field: string, secrets: SecretMarks): string {
  const text = canonicalText(withoutSecrets(cluster, [field], secrets));
  return text === '' ? 'none' : text;
}
