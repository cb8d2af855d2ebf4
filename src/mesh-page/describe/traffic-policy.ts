import { isJsonObject, type Json, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { givenAt, shownAt } from './fields.ts';
import { count } from './words.ts';

/** Rule or setting of an object in words. */
export interface DescribedRule {
  /** Place in the object, such as `['spec', 'http', '0']`. */
  readonly path: readonly string[];
  readonly text: string;
  /** Requests that a rule of a route is for; absent if it is for all. */
  readonly condition?: string;
}

/**
 * Returns what the traffic policy of a DestinationRule, or of a subset of one, does: a sentence for each setting, with its
 * values.
 *
 * @param path place of the part that has the policy
 */
export function trafficPolicyTexts(part: Json, path: readonly string[] = ['spec']): DescribedRule[] {
  const policy = valueAt(part, 'trafficPolicy');
  const at = [...path, 'trafficPolicy'];
  const ports = objectsAt(policy, 'portLevelSettings').flatMap((one, index) =>
    settingTexts(one, [...at, 'portLevelSettings', String(index)]).map(({ path: place, text }) => ({
      path: place,
      text: `Port ${shownAt(one, 'port', 'number')}: ${text}`,
    })),
  );
  return [...settingTexts(policy, at), ...ports];
}

function settingTexts(policy: Json | undefined, at: readonly string[]): DescribedRule[] {
  const settings: readonly (readonly [field: string, textOf: (setting: Json) => string])[] = [
    ['tls', tlsText],
    ['outlierDetection', outlierText],
    ['connectionPool', poolText],
    ['loadBalancer', balancerText],
  ];
  return settings.flatMap(([field, textOf]): DescribedRule[] => {
    const setting = valueAt(policy, field);
    return setting === undefined ? [] : [{ path: [...at, field], text: textOf(setting) }];
  });
}

function tlsText(tls: Json): string {
  const mode = textAt(tls, 'mode') ?? 'DISABLE';
  switch (mode) {
    case 'DISABLE':
      return 'The caller sends plain text (TLS mode DISABLE).';
    case 'SIMPLE':
      return `The caller uses TLS without a certificate of its own (TLS mode SIMPLE)${sniText(tls)}.`;
    case 'MUTUAL':
      return `The caller uses TLS with its own certificate (TLS mode MUTUAL)${sniText(tls)}.`;
    default:
      return "The caller uses mutual TLS with the mesh's certificates (TLS mode ISTIO_MUTUAL).";
  }
}

function sniText(tls: Json): string {
  const sni = givenAt(tls, 'sni');
  return sni === undefined ? '' : `, for the host ${sni}`;
}

/** Says what outlier detection does, with Envoy's defaults for values that are absent (Istio, "OutlierDetection"). */
function outlierText(outlier: Json): string {
  const errors = givenAt(outlier, 'consecutive5xxErrors') ?? givenAt(outlier, 'consecutiveErrors') ?? '5';
  const gateway = givenAt(outlier, 'consecutiveGatewayErrors');
  const failures = [
    count(errors, 'failed answer'),
    ...(gateway === undefined ? [] : [`${count(gateway, 'answer')} with 502, 503 or 504`]),
  ].filter((text) => !text.startsWith('0 '));
  const most = givenAt(outlier, 'maxEjectionPercent') ?? '10';
  const interval = givenAt(outlier, 'interval') ?? '10s';
  const time = givenAt(outlier, 'baseEjectionTime') ?? '30s';
  if (failures.length === 0) return 'Pods that fail are not left out.';
  return `A pod with ${failures.join(' or ')} in a row is left out for ${time}, checked every ${interval}, at most ${most} % of the pods.`;
}

/** Limits of a connection pool in words. */
const limits: readonly (readonly [path: readonly string[], words: string])[] = [
  [['tcp', 'maxConnections'], 'connections'],
  [['http', 'http1MaxPendingRequests'], 'requests that wait'],
  [['http', 'http2MaxRequests'], 'requests at once'],
  [['http', 'maxRequestsPerConnection'], 'requests on a connection'],
  [['http', 'maxRetries'], 'retries at once'],
];

function poolText(pool: Json): string {
  const texts = limits.flatMap(([path, words]) => {
    const value = givenAt(pool, ...path);
    // istiod takes zero as absent.
    return value === undefined || value === '0' ? [] : [`${value} ${words}`];
  });
  const connect = givenAt(pool, 'tcp', 'connectTimeout');
  const times = connect === undefined ? [] : [`${connect} to connect`];
  const all = [...texts, ...times];
  return all.length === 0 ? 'Settings of connections.' : `For each caller's proxy at most ${all.join(', ')}.`;
}

function balancerText(balancer: Json): string {
  const simple = givenAt(balancer, 'simple');
  if (simple !== undefined) return `Pods are chosen by ${simple}.`;
  const hash = valueAt(balancer, 'consistentHash');
  if (!isJsonObject(hash)) return localityText(valueAt(balancer, 'localityLbSetting'));
  const by =
    givenAt(hash, 'httpHeaderName') ?? givenAt(hash, 'httpQueryParameterName') ?? givenAt(hash, 'httpCookie', 'name');
  return `Requests with the same ${by ?? 'client address'} go to the same pod.`;
}

/** Says how localities choose pods. */
function localityText(setting: Json | undefined): string {
  if (setting === undefined) return 'Settings of how pods are chosen.';
  if (valueAt(setting, 'enabled') === false) return 'Pods near the caller are not chosen first.';
  if (objectsAt(setting, 'distribute').length > 0) return 'Localities get shares of the requests.';
  return 'Pods near the caller are chosen first.';
}
