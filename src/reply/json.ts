import { type CallResult, RawReply, type Reply } from './reply.ts';

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
  try {
    // A meshmock wrote it: what is not signed by one never becomes a RawReply.
    return { ...own, reply: JSON.parse(reply.json) as Reply };
  } catch {
    return { ...own, answeredBy: 'foreign', body: reply.json.slice(0, 2048), bodyBytes: Buffer.byteLength(reply.json) };
  }
}
