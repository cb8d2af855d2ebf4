import type { Reply } from './reply.ts';

/**
 * Shortens a reply until it fits: first without request headers below the root, then with ever fewer levels of calls.
 * A reply whose calls are left out says how many they were.
 */
export function pruneReply(reply: Reply, fits: (reply: Reply) => boolean): Reply {
  if (fits(reply)) return reply;
  for (let levels = depthOf(reply); levels >= 0; levels--) {
    const pruned = cut(reply, levels);
    if (fits(pruned)) return pruned;
  }
  const { calls: _calls, request: _request, ...own } = cut(reply, 0);
  return own;
}

/** Without headers, and with so many levels of calls. */
function cut(reply: Reply, levels: number): Reply {
  const { calls, ...own } = reply;
  if (own.request !== undefined) {
    const { headers: _headers, ...request } = own.request;
    own.request = request;
  }
  if (calls === undefined) return own;
  if (levels === 0) return { ...own, prunedCalls: (own.prunedCalls ?? 0) + countCalls(reply) };
  return {
    ...own,
    calls: calls.map((call) => (call.reply === undefined ? call : { ...call, reply: cut(call.reply, levels - 1) })),
  };
}

function depthOf(reply: Reply): number {
  return Math.max(0, ...(reply.calls ?? []).map((call) => 1 + (call.reply === undefined ? 0 : depthOf(call.reply))));
}

function countCalls(reply: Reply): number {
  return (reply.calls ?? []).reduce(
    (sum, call) => sum + 1 + (call.reply === undefined ? 0 : countCalls(call.reply)),
    0,
  );
}
