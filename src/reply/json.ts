import { isReply } from './is-reply.ts';
import { type CallResult, RawReply, type Reply, type Summary, shownBodyBytes } from './reply.ts';

/** Writes a reply as JSON. A child that came as JSON is put in as it came. */
export function encodeReply(reply: Reply<RawReply>): string {
  const { calls } = reply;
  if (calls === undefined || calls.length === 0) return JSON.stringify({ ...reply, calls: undefined });
  return splice({ ...reply, calls: undefined }, 'calls', `[${calls.map(encodeCall).join(',')}]`);
}

function encodeCall(call: CallResult<RawReply>): string {
  const { reply, summary } = call;
  if (summary !== undefined) return splice({ ...call, summary: undefined }, 'summary', encodeSummary(summary));
  if (reply === undefined) return JSON.stringify(call);
  return splice({ ...call, reply: undefined }, 'reply', reply instanceof RawReply ? reply.json : encodeReply(reply));
}

function encodeSummary(summary: Summary<RawReply>): string {
  const samples = (summary.samples ?? []).map((sample) =>
    splice({ ...sample, call: undefined }, 'call', encodeCall(sample.call)),
  );
  return splice({ ...summary, samples: undefined }, 'samples', `[${samples.join(',')}]`);
}

/** The JSON of an object that is not empty, with one more field, which is JSON already. */
function splice(object: object, name: string, json: string): string {
  return `${JSON.stringify(object).slice(0, -1)},"${name}":${json}}`;
}

/** Reads every child that came as JSON, at any depth: for whoever has a reason to look inside. */
export function readReply(reply: Reply<RawReply>): Reply {
  const { calls, ...own } = reply;
  return calls === undefined ? own : { ...own, calls: calls.map(readCall) };
}

/** The same for one call. */
export function readCall(call: CallResult<RawReply>): CallResult {
  const { reply, summary, ...rest } = call;
  const own = summary === undefined ? rest : { ...rest, summary: readSummary(summary) };
  if (reply === undefined) return own;
  if (!(reply instanceof RawReply)) return { ...own, reply: readReply(reply) };
  const read = parseReply(reply.json);
  if (read !== undefined) return { ...own, reply: read };
  const bytes = new TextEncoder().encode(reply.json).length;
  return { ...own, body: reply.json.slice(0, shownBodyBytes), ...(bytes > shownBodyBytes ? { bodyBytes: bytes } : {}) };
}

function readSummary({ samples, ...counts }: Summary<RawReply>): Summary {
  if (samples === undefined) return counts;
  return { ...counts, samples: samples.map((sample) => ({ ...sample, call: readCall(sample.call) })) };
}

/** A child's own fields, whether it came as JSON or not; undefined when it is no reply. */
export function parseIfRaw(reply: Reply<RawReply> | RawReply): Reply<RawReply> | undefined {
  return reply instanceof RawReply ? parseReply(reply.json) : reply;
}

/** Reads the JSON of a reply. Whoever signs can send anything: undefined when it is no reply. */
function parseReply(json: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isReply(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
