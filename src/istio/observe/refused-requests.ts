/** Request or connection that a proxy did not pass on, as a line of its log in Istio's own format shows it. */
export interface RefusedRequest {
  /** Time of the request, in milliseconds since the epoch. */
  readonly atMs: number;
  /** `callee` if the proxy received the request for its own pod. */
  readonly by: 'caller' | 'callee';
  /** Method and path, or nothing for a TCP connection. */
  readonly request: string;
  readonly status: number;
  /** Envoy's response flags, `-` if there are none. */
  readonly flags: string;
  /** Envoy's details of the response, or of the end of a connection. */
  readonly details: string;
  readonly requestId: string;
  readonly authority: string;
  /** Cluster such as `outbound|8080||reviews.default.svc.cluster.local`, empty if there is none. */
  readonly cluster: string;
  /** Address from which the request came, without its port; empty if only a header claims it. */
  readonly peer: string;
}

/** Request that a proxy has sent to another one. */
export interface SentRequest {
  readonly requestId: string;
  /** Cluster such as `outbound|8080||reviews.default.svc.cluster.local`. */
  readonly cluster: string;
}

/** Longest line that is read. A client can make lines long, and their parsing slow. */
const longestLine = 4096;

/**
 * Fields of Istio's own log format (Istio, "Envoy Access Logs"). A client chooses the texts in quotes, and Envoy does not
 * escape quotes in them. So the status is that after the first text in quotes, and the cluster that after the last one.
 */
const istioLine = new RegExp(
  [
    '^\\[(?<time>[^\\]]+)\\] "(?<request>[^"]*)" (?<status>\\d+) (?<flags>\\S+) (?<details>\\S+) (?<end>\\S+) "[^"]*"',
    '\\d+ \\d+ \\d+ \\S+ ".*" "(?<id>[^"]*)" "(?<authority>[^"]*)" "[^"]*" (?<cluster>\\S+) \\S+ (?<local>\\S+)',
    '(?<remote>\\S+) \\S+ \\S+',
  ].join(' '),
);

/** Details with which a proxy itself answers, besides those with flags. */
const ownDetails =
  /^(?:rbac_access_denied|jwt_authn_access_denied|ext_authz|filter_chain_not_found|local_rate_limited)/;

/** Flags of answers that a proxy made itself. */
const ownFlags = /^(?:UH|UF|UO|NR|NC|URX|UT|UC|FI|RL|LR|UR|RLSE|UAEX|UPE|SI|DPE)$/;

/**
 * Parses the lines of a log about requests that the proxy refused. Other lines are ignored.
 *
 * @example parseRefusals(log).filter(({ details }) => details.startsWith('rbac_access_denied'))
 */
export function parseRefusals(log: string): RefusedRequest[] {
  return fieldsOf(log).flatMap((fields) => refusalOf(fields) ?? []);
}

/** Parses the lines of a log about requests that the proxy has sent to other ones. */
export function parseSent(log: string): SentRequest[] {
  return fieldsOf(log).flatMap(({ id = '', cluster = '' }): SentRequest[] =>
    cluster.startsWith('outbound|') ? [{ requestId: id, cluster }] : [],
  );
}

type Fields = Readonly<Record<string, string>>;

function fieldsOf(log: string): Fields[] {
  return log.split('\n').flatMap((line): Fields[] => {
    if (line.length > longestLine || !line.startsWith('[')) return [];
    const fields = istioLine.exec(line)?.groups;
    return fields === undefined ? [] : [fields];
  });
}

function refusalOf(fields: Fields): RefusedRequest | undefined {
  const { time = '', request = '', status = '', flags = '-', details = '-', end = '-' } = fields;
  const { id = '', authority = '', cluster = '-', remote = '' } = fields;
  const decisive = ownDetails.test(end) ? end : details;
  // The callee answered, and the flag only says that retries did not help.
  if (details === 'via_upstream') return undefined;
  const isOwn = ownDetails.test(decisive) || flags.split(',').some((flag) => ownFlags.test(flag));
  if (!isOwn) return undefined;
  const isInbound =
    cluster.startsWith('inbound|') || cluster === 'InboundPassthroughCluster' || details === 'filter_chain_not_found';
  return {
    atMs: Date.parse(time),
    by: isInbound ? 'callee' : 'caller',
    // A connection without HTTP is logged as `- - -`.
    request: request.startsWith('- ') ? '' : request.split(' ').slice(0, 2).join(' '),
    status: Number(status),
    flags,
    details: decisive,
    requestId: id === '-' ? '' : id,
    authority: authority === '-' ? '' : authority,
    cluster: cluster === '-' ? '' : cluster,
    // An address of the header x-forwarded-for has the port 0.
    peer: remote.endsWith(':0') ? '' : remote.replace(/:\d+$/, ''),
  };
}
