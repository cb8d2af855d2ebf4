import { forEachObject, isJsonObject, type JsonObject, textAt, valueAt } from './json.ts';
import type { SnapshotPod } from './mesh-snapshot.ts';

/**
 * Returns what the policies of receivers say about the identity of a sender. Senders with equal results are equal to these
 * policies.
 *
 * @param parts filter chains of both snapshots
 */
export function identityVector(parts: readonly JsonObject[], pod: SnapshotPod): string {
  const identity = identityOf(pod);
  const facts = new Set<string>();
  forEachObject(parts, (object) => {
    for (const field of ['principal_name', 'string_match', 'san_matcher']) {
      const matcher = object[field];
      if (isJsonObject(matcher)) facts.add(`${JSON.stringify(matcher)}: ${matches(matcher, identity)}`);
    }
    // A condition about addresses may be true for each pod alone.
    if (['direct_remote_ip', 'remote_ip', 'source_ip', 'source_prefix_ranges'].some((field) => field in object))
      facts.add(pod.address);
  });
  return [...facts].toSorted().join('\n');
}

/** Returns the identity in the certificate of a pod's proxy. */
export function identityOf({ namespace, serviceAccount }: SnapshotPod): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}

/** Reports whether a matcher of Envoy takes a text; undefined for a kind of matcher that is not known. */
function matches(matcher: JsonObject, text: string): boolean | string {
  const exact = textAt(matcher, 'exact');
  if (exact !== undefined) return exact === text;
  const prefix = textAt(matcher, 'prefix');
  if (prefix !== undefined) return text.startsWith(prefix);
  const suffix = textAt(matcher, 'suffix');
  if (suffix !== undefined) return text.endsWith(suffix);
  const contains = textAt(matcher, 'contains');
  if (contains !== undefined) return text.includes(contains);
  const regex = textAt(matcher, 'safe_regex', 'regex');
  // A regex that JavaScript reads otherwise than RE2 only splits the classes further.
  if (regex !== undefined) return regexMatches(regex, text);
  return valueAt(matcher, 'ignore_case') === undefined ? text : text.toLowerCase();
}

function regexMatches(regex: string, text: string): boolean | string {
  try {
    return new RegExp(`^(?:${regex})$`).test(text);
  } catch {
    return text;
  }
}
