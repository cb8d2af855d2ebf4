import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often a proxy writes its log. */
export const logFlushMs = 50;

const standard = [
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%',
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED%',
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%"',
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS%',
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%',
];

const deciding = ['http', 'network'].map(
  (layer) => `%DYNAMIC_METADATA(envoy.filters.${layer}.rbac:enforced_effective_policy_id)%`,
);

const led = ['%RESPONSE_FLAGS%', '%UPSTREAM_CLUSTER_RAW%'];
const met = ['"%ROUTE_NAME%"', '%METADATA(ROUTE:istio:config)%', ...led, ...deciding];

/** Istio's own format, then what a request met: its route, whose this is, where it led, and the rule that decided. */
export const observedLogFormat = `${[...standard, ...met].join(' ')}\n`;

/** What a request met in one proxy. */
export interface LoggedRequest {
  readonly route: string | undefined;
  /** The path of the object that the route is from, in the API. */
  readonly config: string | undefined;
  /** The cluster that had nobody to take it: others count what they are sent. */
  readonly unservedCluster: string | undefined;
  /** The rule of an AuthorizationPolicy that decided: `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`. */
  readonly rule: string | undefined;
}

/** Reads the lines of a log in `observedLogFormat`; others in it are none. */
export function parseAccessLog(log: string): LoggedRequest[] {
  const known = (field: string | undefined): string | undefined => (field === '-' ? undefined : field);
  return [...log.matchAll(/^\[[^\]]+\] ".* "([^"]*)" (\S+) (\S+) (\S+) (\S+) (\S+)$/gm)].map(
    ([, route, config, flags = '', cluster, httpRule, networkRule]) => ({
      route: known(route),
      config: known(config),
      unservedCluster: /\b(?:UH|UO)\b/.test(flags) ? known(cluster) : undefined,
      rule: known(httpRule) ?? known(networkRule),
    }),
  );
}

/** What the proxies of a mesh have logged since somebody last asked. */
export class AccessLogs {
  private readonly folder: string;
  /** How far each log has been read, in bytes. */
  private read: ReadonlyMap<string, number> = new Map();

  /** @param folder with a log for each proxy */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Leaves out what is written by now. */
  async skip(): Promise<void> {
    const names = await this.names();
    const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(this.folder, name))).size));
    this.read = new Map(names.map((name, index) => [name, sizes[index] ?? 0]));
  }

  /** Waits until what was answered before is written, and gives what is new. */
  async next(signal: AbortSignal): Promise<LoggedRequest[]> {
    await sleep(4 * logFlushMs, undefined, { signal });
    const logs = await Promise.all((await this.names()).map((name) => this.rest(name)));
    this.read = new Map(logs.map(({ name, end }) => [name, end]));
    return logs.flatMap(({ content }) => parseAccessLog(content));
  }

  private async names(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => name.endsWith('.proxy.log'));
  }

  private async rest(name: string): Promise<{ name: string; content: string; end: number }> {
    const start = this.read.get(name) ?? 0;
    await using file = await open(path.join(this.folder, name));
    const content = await text(file.createReadStream({ start, autoClose: false }));
    // The last line may be on its way.
    const whole = content.slice(0, content.lastIndexOf('\n') + 1);
    return { name, content: whole, end: start + Buffer.byteLength(whole) };
  }
}
