import type { ObservedPod, PodRefusal } from '../istio/live/observation.ts';
import type { RefusedRequest } from '../istio/observe/refused-requests.ts';
import type { DecidingPart, EdgeRefusal } from '../page/model/mesh-page-data.ts';
import { list } from './describe/words.ts';
import { type NodeDirectory, nodeIdOf } from './node-directory.ts';
import { type EdgeEnds, edgeId } from './traffic-window.ts';

/** Maximum number of refusals that are kept: a flood is counted in part. */
const mostRefusals = 20_000;

interface Refused extends EdgeEnds {
  readonly refused: RefusedRequest;
  readonly meaning: Meaning;
}

/** Reason of a refusal, and the object that decided. */
interface Meaning {
  readonly reason: EdgeRefusal['reason'];
  readonly explanation: string;
  readonly object?: DecidingPart;
}

/** Requests of the last minute that proxies refused, from their logs. */
export class RefusalWindow {
  private all: Refused[] = [];

  /**
   * @param sinceMs start of the window of the traffic: an observation that takes long makes it longer than a minute
   * @param allowing returns the policies of action ALLOW for a pod, by their ids
   */
  add(
    refusals: readonly PodRefusal[],
    nodes: NodeDirectory,
    sinceMs: number,
    allowing: (pod: ObservedPod) => readonly string[],
  ): void {
    const added = refusals.flatMap((one): Refused[] => {
      const own = nodes.pod(one.pod);
      const ends = own && endsOf(own, one, nodes);
      if (own === undefined || ends === undefined) return [];
      // A gateway that refuses its clients is the callee, whatever it would have called.
      const by = ends.to === nodeIdOf(own) ? 'callee' : 'caller';
      const refused = { ...one.refused, by } as const;
      return [{ ...ends, refused, meaning: meaningOf(one.refused, () => allowing(own)) }];
    });
    this.all = [...this.all, ...added].filter(({ refused }) => refused.atMs >= sinceMs).slice(-mostRefusals);
  }

  /** Returns the refusals of each edge, the most first. */
  byEdge(): Map<string, EdgeEnds & { readonly refusals: EdgeRefusal[] }> {
    const found = new Map<string, EdgeEnds & { refusals: EdgeRefusal[] }>();
    for (const [id, ofEdge] of Map.groupBy(this.all, edgeId)) {
      const byMeaning = Map.groupBy(ofEdge, ({ meaning, refused }) => `${refused.by} ${JSON.stringify(meaning)}`);
      const refusals = [...byMeaning.values()].map(joined).toSorted((a, b) => b.count - a.count);
      const [{ from = '', to = '' } = {}] = ofEdge;
      found.set(id, { from, to, refusals });
    }
    return found;
  }
}

function joined(same: readonly Refused[]): EdgeRefusal {
  const { refused, meaning } = same.at(-1) as Refused;
  const { request, requestId, by } = refused;
  return {
    ...meaning,
    count: same.length,
    errors: same.filter(isError).length,
    by,
    ...(request === '' ? {} : { example: { request, ...(requestId === '' ? {} : { requestId }) } }),
    lastMs: Math.max(...same.map((one) => one.refused.atMs)),
  };
}

/** Statuses of refusals with which a policy refuses gRPC too, whose HTTP status is 200. */
const rejecting = new Set<EdgeRefusal['reason']>(['rbac_denied', 'jwt_denied']);

function isError({ refused: { status }, meaning }: Refused): boolean {
  return status >= 500 || (status < 400 && !rejecting.has(meaning.reason));
}

function endsOf(own: ObservedPod, refusal: PodRefusal, nodes: NodeDirectory): EdgeEnds | undefined {
  const { refused } = refusal;
  const ownId = nodeIdOf(own);
  const destination = nodes.cluster(refused.cluster, refused.authority, own);
  if (own.role === 'gateway') {
    // A gateway refuses its clients, unless it has chosen a destination.
    const isOwn = refused.cluster === '' || /^(?:rbac|jwt|ext_authz)/.test(refused.details);
    return isOwn || destination === undefined
      ? { from: callerOf(refusal, ownId, nodes), to: ownId }
      : { from: ownId, to: destination };
  }
  if (refused.by === 'caller') return destination === undefined ? undefined : { from: ownId, to: destination };
  return { from: callerOf(refusal, ownId, nodes), to: ownId };
}

/** Returns the node that sent a refused request: that of a proxy that has logged it, or that of its address. */
function callerOf({ refused, senders = [] }: PodRefusal, ownId: string, nodes: NodeDirectory): string {
  const pods = senders.flatMap(({ pod, cluster }) => {
    const sender = nodes.pod(pod);
    return sender !== undefined && nodes.cluster(cluster, '', sender) === ownId ? [sender] : [];
  });
  const caller = pods[0] ?? nodes.podAt(refused.peer);
  return caller === undefined || caller.isOutside ? nodes.outside() : nodeIdOf(caller);
}

/** Meanings of Envoy's response flags (Envoy, "Access logging"). */
const flagMeanings: Readonly<Record<string, Meaning>> = {
  UH: { reason: 'no_healthy_upstream', explanation: 'No pod of the destination can take requests.' },
  UF: { reason: 'connect_failure', explanation: "The caller's proxy could not connect to a pod of the destination." },
  UO: { reason: 'overflow', explanation: 'A limit of connections or requests in a DestinationRule was reached.' },
  NR: { reason: 'no_route', explanation: 'No route of the proxy takes this request.' },
  NC: { reason: 'no_route', explanation: 'The route leads to a destination that does not exist.' },
  URX: { reason: 'upstream_reset', explanation: 'All retries failed.' },
  UT: { reason: 'timeout', explanation: 'The destination did not answer within the timeout of the route.' },
  DPE: { reason: 'unknown', explanation: 'The request was not valid HTTP.' },
  UC: { reason: 'upstream_reset', explanation: 'The destination closed the connection before it answered.' },
  UR: { reason: 'upstream_reset', explanation: 'The destination reset the request.' },
  FI: { reason: 'fault', explanation: 'A fault of a VirtualService answered in place of the destination.' },
  RL: { reason: 'rate_limited', explanation: 'A rate limit was reached.' },
  LR: { reason: 'upstream_reset', explanation: 'The proxy reset the request.' },
  UAEX: { reason: 'rbac_denied', explanation: 'An external authorization service refused the request.' },
};

/** Returns the meaning of a refusal in words. */
function meaningOf({ by, details, flags, request }: RefusedRequest, allowing: () => readonly string[]): Meaning {
  const what = request === '' ? 'connection' : 'request';
  const [, policy] = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details) ?? [];
  if (policy === 'none') return notAllowedMeaning(what, allowing());
  if (policy !== undefined) return policyMeaning(policy, what);
  if (details.startsWith('jwt_authn_access_denied'))
    return { reason: 'jwt_denied', explanation: 'The token of the request is missing or not valid.' };
  if (details.startsWith('filter_chain_not_found'))
    return {
      reason: 'plain_text',
      explanation: 'The callee requires mutual TLS, and the caller sent plain text.',
    };
  if (details.startsWith('local_rate_limited')) return flagMeanings.RL as Meaning;
  if (details.startsWith('ext_authz')) return flagMeanings.UAEX as Meaning;
  if (by === 'callee' && /\bUF\b/.test(flags))
    return { reason: 'connect_failure', explanation: "The callee's proxy could not connect to its service." };
  const known = flags.split(',').find((flag) => flagMeanings[flag] !== undefined);
  return flagMeanings[known ?? ''] ?? { reason: 'unknown', explanation: `The proxy refused the ${what}.` };
}

/** Returns the meaning of a refusal for which no rule is responsible. If there is only one policy, it is. */
function notAllowedMeaning(what: string, policies: readonly string[]): Meaning {
  const [only, ...others] = policies;
  const explanation = `No rule of ${policies.length === 0 ? 'an AuthorizationPolicy of the callee' : list(policies, 'or')} allows this ${what}.`;
  if (only === undefined || others.length > 0) return { reason: 'rbac_denied', explanation };
  return { reason: 'rbac_denied', explanation, object: { id: only, title: only } };
}

function policyMeaning(policy: string, what: string): Meaning {
  const [, namespace, name, rule] = /^ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\]/.exec(policy) ?? [];
  if (name === undefined) return notAllowedMeaning(what, []);
  const title = `AuthorizationPolicy ${namespace}/${name}`;
  return {
    reason: 'rbac_denied',
    explanation: `Rule ${Number(rule) + 1} of ${title} denies this ${what}.`,
    object: { id: title, title, rule: Number(rule) },
  };
}
