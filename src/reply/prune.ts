import type { CallResult, Reply, Summary } from './reply.ts';
import { isFailed } from './status.ts';

/**
 * Shortens a reply until it fits. What goes first is what a reader of a failure misses least: headers and bodies, then
 * what is below calls that went well, then ever more levels from below. A reply whose calls are left out says how many.
 */
export function pruneReply(reply: Reply, fits: (reply: Reply) => boolean): Reply {
  if (fits(reply)) return reply;
  const slim = withoutHeaders(reply);
  const shorter = [slim, withoutSuccesses(slim)];
  for (let levels = depthOf(slim) - 1; levels >= 0; levels--) shorter.push(cut(withoutSuccesses(slim), levels));
  const fitting = shorter.find(fits);
  if (fitting !== undefined) return fitting;
  const { request: _request, mesh: _mesh, body: _body, try: _try, behaviour: _behaviour, ...least } = cut(slim, 0);
  return least;
}

/** The same for each call of a reply that has a reply below it, and the call itself. */
function mapCalls(reply: Reply, map: (call: CallResult) => CallResult): Reply {
  return reply.calls === undefined ? reply : { ...reply, calls: reply.calls.map(map) };
}

function withoutHeaders(reply: Reply): Reply {
  const { request, ...own } = mapCalls(reply, callWithoutHeaders);
  if (request === undefined) return own;
  const { headers: _headers, ...seen } = request;
  return { ...own, request: seen };
}

function callWithoutHeaders(call: CallResult): CallResult {
  const { headers: _headers, body: _body, bodyBytes: _bytes, reply, summary, ...own } = call;
  return {
    ...own,
    ...(reply === undefined ? {} : { reply: withoutHeaders(reply) }),
    ...(summary === undefined ? {} : { summary: withSamples(summary, callWithoutHeaders) }),
  };
}

function withSamples({ samples = [], ...counts }: Summary, map: (call: CallResult) => CallResult): Summary {
  return { ...counts, samples: samples.map((sample) => ({ ...sample, call: map(sample.call) })) };
}

function withoutSuccesses(reply: Reply): Reply {
  return mapCalls(reply, (call) => {
    if (call.summary !== undefined) return withoutSamples(call);
    if (call.reply === undefined) return call;
    return { ...call, reply: isFailed(call) ? withoutSuccesses(call.reply) : cut(call.reply, 0) };
  });
}

function withoutSamples({ summary = { count: 0 }, ...call }: CallResult): CallResult {
  const { samples: _samples, ...counts } = summary;
  return { ...call, summary: counts };
}

/** With so many levels of calls. */
function cut(reply: Reply, levels: number): Reply {
  if (levels > 0)
    return mapCalls(reply, (call) =>
      call.reply === undefined ? call : { ...call, reply: cut(call.reply, levels - 1) },
    );
  const { calls, ...own } = reply;
  return calls === undefined ? own : { ...own, prunedCalls: countCalls(reply) };
}

function depthOf(reply: Reply): number {
  return Math.max(0, ...(reply.calls ?? []).map((call) => 1 + (call.reply === undefined ? 0 : depthOf(call.reply))));
}

function countCalls({ calls = [], prunedCalls = 0 }: Reply): number {
  return calls.reduce((sum, { reply }) => sum + 1 + (reply === undefined ? 0 : countCalls(reply)), prunedCalls);
}
