import { isReply } from './check.ts';
import { type CallResult, RawReply, type Reply, shownBodyBytes } from './reply.ts';

/** Writes a reply as JSON. A child that came as JSON is put in as it came. */
export function encodeReply(reply: Reply<RawReply>): string {
  const { calls } = reply;
  if (calls === undefined || calls.length === 0) return JSON.stringify({ ...reply, calls: undefined });
  const own = JSON.stringify({ ...reply, calls: undefined });
  return `${own.slice(0, -1)},"calls":[${calls.map(encodeCall).join(',')}]}`;
}

function encodeCall(call: CallResult<RawReply>): string {
  const { reply } = call;
  if (reply === undefined) return JSON.stringify(call);
  const own = JSON.stringify({ ...call, reply: undefined });
  return `${own.slice(0, -1)},"reply":${reply instanceof RawReply ? reply.json : encodeReply(reply)}}`;
}

/** Reads every child that came as JSON, at any depth: for whoever has a reason to look inside. */
export function readReply(reply: Reply<RawReply>): Reply {
  const { calls, ...own } = reply;
  return calls === undefined ? own : { ...own, calls: calls.map(readCall) };
}

function readCall(call: CallResult<RawReply>): CallResult {
  const { reply, ...own } = call;
  if (reply === undefined) return own;
  if (!(reply instanceof RawReply)) return { ...own, reply: readReply(reply) };
  const read = parseReply(reply.json);
  if (read !== undefined) return { ...own, reply: read };
  const bytes = new TextEncoder().encode(reply.json).length;
  return { ...own, body: reply.json.slice(0, shownBodyBytes), ...(bytes > shownBodyBytes ? { bodyBytes: bytes } : {}) };
}

/** Whoever signs can send anything: undefined when it is no reply. */
function parseReply(json: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isReply(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
