import { optional } from '../error/optional.ts';
import { firstBytes } from '../error/text-bytes.ts';
import { isReply } from './is-reply.ts';
import { FilledText, LongParts, type PartedText } from './long-parts.ts';
import { type CallResult, type PrunedReply, RawReply, type Reply, type Summary, shownBodyBytes } from './reply.ts';

/**
 * Encodes a reply as JSON. A child that arrived as JSON is inserted unchanged. Long parts are not copied.
 *
 * @param end text after the JSON, such as a new line
 */
export function encodeReply(reply: Reply<RawReply>, end = ''): string | PartedText {
  const parts = new LongParts();
  return parts.insertInto(encode(reply, parts) + end);
}

function encode(reply: Reply<RawReply>, parts: LongParts): string {
  const { calls } = reply;
  const own = { ...reply, calls: undefined };
  if (reply.body instanceof FilledText) own.body = parts.add(reply.body);
  if (calls === undefined || calls.length === 0) return JSON.stringify(own);
  return withField(own, 'calls', `[${calls.map((call) => encodeCall(call, parts)).join(',')}]`);
}

function encodeCall(call: CallResult<RawReply>, parts: LongParts): string {
  const { reply, summary } = call;
  if (summary !== undefined)
    return withField({ ...call, summary: undefined }, 'summary', encodeSummary(summary, parts));
  if (reply === undefined) return JSON.stringify(call);
  return withField({ ...call, reply: undefined }, 'reply', encodeChild(reply, parts));
}

function encodeChild(reply: Reply<RawReply> | RawReply, parts: LongParts): string {
  if (!(reply instanceof RawReply)) return encode(reply, parts);
  return reply.isLong ? parts.add(reply) : reply.json;
}

function encodeSummary(summary: Summary<RawReply>, parts: LongParts): string {
  const samples = (summary.samples ?? []).map((sample) =>
    withField({ ...sample, call: undefined }, 'call', encodeCall(sample.call, parts)),
  );
  return withField({ ...summary, samples: undefined }, 'samples', `[${samples.join(',')}]`);
}

/** Encodes an object that is not empty, with one more field whose value is JSON already. */
function withField(object: object, name: string, json: string): string {
  return `${JSON.stringify(object).slice(0, -1)},"${name}":${json}}`;
}

/** Decides whether a child is parsed. Returns the reason if it is left out, because there is no room for it. */
export type LeaveOut = (child: Pick<RawReply, 'byteLength' | 'parsedBytes'>) => PrunedReply | undefined;

const leaveOutNone: LeaveOut = () => undefined;

/** Returns a reply in which every child is parsed or left out, at any depth. */
export function readReply(reply: Reply<RawReply>, leaveOut = leaveOutNone): Reply {
  const { calls, ...rest } = reply;
  const own = rest as Reply;
  if (own.body !== undefined) own.body = String(own.body);
  return calls === undefined ? own : { ...own, calls: calls.map((call) => readCall(call, leaveOut)) };
}

/** Returns a call in which every reply is parsed, at any depth. An invalid reply becomes the call's body. */
export function readCall(call: CallResult<RawReply>, leaveOut = leaveOutNone): CallResult {
  const { reply, summary, ...rest } = call;
  const own = summary === undefined ? rest : { ...rest, summary: readSummary(summary, leaveOut) };
  if (reply === undefined) return own;
  if (!(reply instanceof RawReply)) return { ...own, reply: readReply(reply, leaveOut) };
  const pruned = leaveOut(reply);
  if (pruned !== undefined) return { ...own, pruned };
  const read = parseReply(reply.json);
  if (read !== undefined) return { ...own, reply: read };
  const bytes = Buffer.byteLength(reply.json);
  const body = firstBytes(reply.json, shownBodyBytes);
  return { ...own, body, ...optional('bodyBytes', bytes > shownBodyBytes ? bytes : undefined) };
}

function readSummary({ samples, ...counts }: Summary<RawReply>, leaveOut: LeaveOut): Summary {
  if (samples === undefined) return counts;
  return { ...counts, samples: samples.map((sample) => ({ ...sample, call: readCall(sample.call, leaveOut) })) };
}

/** Returns the replies that are not parsed, at any depth. */
export function rawRepliesOf({ calls = [] }: Reply<RawReply>): RawReply[] {
  return calls.flatMap(rawRepliesBelow);
}

function rawRepliesBelow({ reply, summary }: CallResult<RawReply>): RawReply[] {
  if (reply instanceof RawReply) return [reply];
  if (reply !== undefined) return rawRepliesOf(reply);
  return (summary?.samples ?? []).flatMap(({ call }) => rawRepliesBelow(call));
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
