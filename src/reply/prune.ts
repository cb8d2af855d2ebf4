import { optional } from '../error/optional.ts';
import { firstBytes } from '../error/text-bytes.ts';
import type { CallResult, Reply, Summary } from './reply.ts';
import { isFailed } from './status.ts';

/**
 * Shortens a reply until it fits. It removes what is least useful to find a failure: first headers and bodies, then the
 * calls below successful calls, then the lowest levels one by one. A reply without its calls says how many it had.
 *
 * @param fits reports whether a reply is short enough
 */
export function pruneReply(reply: Reply, fits: (reply: Reply) => boolean): Reply {
  if (fits(reply)) return reply;
  const slim = withoutHeaders(reply);
  const shorter = [slim, withoutSuccesses(slim)];
  for (let levels = depthOf(slim) - 1; levels >= 0; levels--) shorter.push(cut(withoutSuccesses(slim), levels));
  const fitting = shorter.find(fits);
  if (fitting !== undefined) return fitting;
  const { request: _request, body: _body, try: _try, behaviour: _behaviour, ...least } = cut(slim, 0);
  const { error } = least;
  return error === undefined
    ? least
    : { ...least, error: { code: error.code, message: firstBytes(error.message, maxTextBytes) } };
}

/** Returns a reply with each of its calls replaced. */
function mapCalls(reply: Reply, map: (call: CallResult) => CallResult): Reply {
  return reply.calls === undefined ? reply : { ...reply, calls: reply.calls.map(map) };
}

/** Maximum length of one text, in bytes, where the whole reply must fit into headers. */
export const maxTextBytes = 1000;

function withoutHeaders(reply: Reply): Reply {
  const { request, body = '', ...rest } = mapCalls(reply, callWithoutHeaders);
  const own = body === '' || Buffer.byteLength(body) > maxTextBytes ? rest : { ...rest, body };
  if (request === undefined) return own;
  const { headers: _headers, ...seen } = request;
  return { ...own, request: seen };
}

function callWithoutHeaders(call: CallResult): CallResult {
  const { headers: _headers, body: _body, bodyBytes: _bytes, reply, summary, ...own } = call;
  return {
    ...own,
    ...optional('reply', reply && withoutHeaders(reply)),
    ...optional('summary', summary && withSamples(summary, callWithoutHeaders)),
  };
}

function withSamples({ samples = [], ...counts }: Summary, map: (call: CallResult) => CallResult): Summary {
  return { ...counts, samples: samples.map((sample) => ({ ...sample, call: map(sample.call) })) };
}

function withoutSuccesses(reply: Reply): Reply {
  return mapCalls(reply, callWithoutSuccesses);
}

function callWithoutSuccesses(call: CallResult): CallResult {
  const { reply, summary } = call;
  if (summary !== undefined) {
    const { samples = [], ...counts } = summary;
    const failed = samples.filter((sample) => isFailed(sample.call));
    if (failed.length === 0) return { ...call, summary: counts };
    return { ...call, summary: withSamples({ ...counts, samples: failed }, callWithoutSuccesses) };
  }
  if (reply === undefined) return call;
  return { ...call, reply: isFailed(call) ? withoutSuccesses(reply) : cut(reply, 0) };
}

/** Returns a reply with at most `levels` levels of calls. */
function cut(reply: Reply, levels: number): Reply {
  if (levels > 0) return mapCalls(reply, (call) => cutCall(call, levels - 1));
  const { calls, ...own } = reply;
  return calls === undefined ? own : { ...own, prunedCalls: countCalls(reply) };
}

function cutCall({ reply, summary, ...call }: CallResult, levels: number): CallResult {
  return {
    ...call,
    ...optional('reply', reply && cut(reply, levels)),
    ...optional('summary', summary && cutSummary(summary, levels)),
  };
}

function cutSummary(summary: Summary, levels: number): Summary {
  if (levels > 0) return withSamples(summary, (call) => cutCall(call, levels - 1));
  const { samples: _samples, ...counts } = summary;
  return counts;
}

function depthOf(reply: Reply): number {
  return Math.max(0, ...(reply.calls ?? []).map((call) => 1 + depthBelow(call)));
}

function depthBelow({ reply, summary }: CallResult): number {
  if (reply !== undefined) return depthOf(reply);
  return Math.max(0, ...(summary?.samples ?? []).map((sample) => 1 + depthBelow(sample.call)));
}

function countCalls({ calls = [], prunedCalls = 0 }: Reply): number {
  return calls.reduce(
    (sum, { reply, summary }) => sum + (summary?.count ?? 1) + (reply === undefined ? 0 : countCalls(reply)),
    prunedCalls,
  );
}
