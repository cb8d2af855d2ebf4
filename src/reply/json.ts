import { optional } from '../error/optional.ts';
import { firstBytes } from '../error/text-bytes.ts';
import { isReply } from './is-reply.ts';
import { type CallResult, RawReply, type Reply, type Summary, shownBodyBytes } from './reply.ts';

/** Encodes a reply as JSON. A child that arrived as JSON is inserted unchanged. */
export function encodeReply(reply: Reply<RawReply>): string {
  const { calls } = reply;
  if (calls === undefined || calls.length === 0) return JSON.stringify({ ...reply, calls: undefined });
  return withField({ ...reply, calls: undefined }, 'calls', `[${calls.map(encodeCall).join(',')}]`);
}

function encodeCall(call: CallResult<RawReply>): string {
  const { reply, summary } = call;
  if (summary !== undefined) return withField({ ...call, summary: undefined }, 'summary', encodeSummary(summary));
  if (reply === undefined) return JSON.stringify(call);
  return withField({ ...call, reply: undefined }, 'reply', reply instanceof RawReply ? reply.json : encodeReply(reply));
}

function encodeSummary(summary: Summary<RawReply>): string {
  const samples = (summary.samples ?? []).map((sample) =>
    withField({ ...sample, call: undefined }, 'call', encodeCall(sample.call)),
  );
  return withField({ ...summary, samples: undefined }, 'samples', `[${samples.join(',')}]`);
}

/** Encodes an object that is not empty, with one more field whose value is JSON already. */
function withField(object: object, name: string, json: string): string {
  return `${JSON.stringify(object).slice(0, -1)},"${name}":${json}}`;
}

/** Returns a reply in which every child is parsed, at any depth. */
export function readReply(reply: Reply<RawReply>): Reply {
  const { calls, ...own } = reply;
  return calls === undefined ? own : { ...own, calls: calls.map(readCall) };
}

/** Returns a call in which every reply is parsed, at any depth. An invalid reply becomes the call's body. */
export function readCall(call: CallResult<RawReply>): CallResult {
  const { reply, summary, ...rest } = call;
  const own = summary === undefined ? rest : { ...rest, summary: readSummary(summary) };
  if (reply === undefined) return own;
  if (!(reply instanceof RawReply)) return { ...own, reply: readReply(reply) };
  const read = parseReply(reply.json);
  if (read !== undefined) return { ...own, reply: read };
  const bytes = Buffer.byteLength(reply.json);
  const body = firstBytes(reply.json, shownBodyBytes);
  return { ...own, body, ...optional('bodyBytes', bytes > shownBodyBytes ? bytes : undefined) };
}

function readSummary({ samples, ...counts }: Summary<RawReply>): Summary {
  if (samples === undefined) return counts;
  return { ...counts, samples: samples.map((sample) => ({ ...sample, call: readCall(sample.call) })) };
}

/** Returns a child as an object: parsed, if it arrived as JSON. Returns undefined if the JSON is not a reply. */
export function parseIfRaw(reply: Reply<RawReply> | RawReply): Reply<RawReply> | undefined {
  return reply instanceof RawReply ? parseReply(reply.json) : reply;
}

/** Parses the JSON of a reply, which is untrusted. Returns undefined if it is not a reply. */
function parseReply(json: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isReply(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
