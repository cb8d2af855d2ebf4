import { setTimeout as sleep } from 'node:timers/promises';
import { NewLines } from './new-lines.ts';

/** Interval at which a proxy writes its log, in milliseconds. */
export const logFlushMs = 50;

const istioFields = [
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%',
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED%',
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%"',
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS%',
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%',
];

const rbacFields = ['http', 'network'].map(
  (layer) => `%DYNAMIC_METADATA(envoy.filters.${layer}.rbac:enforced_effective_policy_id)%`,
);

const routeFields = [
  '"%ROUTE_NAME%"',
  '%METADATA(ROUTE:istio:config)%',
  '%RESPONSE_FLAGS%',
  '%UPSTREAM_CLUSTER_RAW%',
  ...rbacFields,
];

/** Istio's own log format, followed by the route of a request, the route's object, its cluster and the RBAC rule. */
export const routeLogFormat = `${[...istioFields, ...routeFields].join(' ')}\n`;

/** Log line of a proxy about one request. */
export interface LoggedRequest {
  readonly route: string | undefined;
  /** Path in the API of the object that defines the route. */
  readonly config: string | undefined;
  /** Cluster that had no endpoint or no capacity for the request. Clusters that serve a request count it themselves. */
  readonly unservedCluster: string | undefined;
  /** Rule of the AuthorizationPolicy that decided, as `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`. */
  readonly rule: string | undefined;
}

/**
 * Parses the lines of a log in `routeLogFormat`. Other lines are ignored.
 *
 * @example parseAccessLog(log).map(({ route }) => route)
 */
export function parseAccessLog(log: string): LoggedRequest[] {
  const fieldValue = (field: string | undefined): string | undefined => (field === '-' ? undefined : field);
  return [...log.matchAll(/^\[[^\]]+\] ".* "([^"]*)" (\S+) (\S+) (\S+) (\S+) (\S+)$/gm)].map(
    ([, route, config, flags = '', cluster, httpRule, networkRule]) => ({
      route: fieldValue(route),
      config: fieldValue(config),
      unservedCluster: /\b(?:UH|UO)\b/.test(flags) ? fieldValue(cluster) : undefined,
      rule: fieldValue(httpRule) ?? fieldValue(networkRule),
    }),
  );
}

/** Reader of the proxies' access logs. Each call returns only new lines. */
export class AccessLogs {
  private readonly lines: NewLines;

  /** @param folder folder with a log for each proxy */
  constructor(folder: string) {
    this.lines = new NewLines(folder);
  }

  /** Skips all lines that are written so far. */
  skip(): Promise<void> {
    return this.lines.skip();
  }

  /** Waits until the proxies have logged all answered requests, and returns the new ones. */
  async next(signal: AbortSignal): Promise<LoggedRequest[]> {
    await sleep(4 * logFlushMs, undefined, { signal });
    return (await this.lines.next()).flatMap(({ content }) => parseAccessLog(content));
  }
}
