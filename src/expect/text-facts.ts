import { headerValue, signedService, signedVersion } from '../reply/mesh-headers.ts';
import { redacted } from '../reply/redaction.ts';
import type { CallResult, Reply } from '../reply/reply.ts';
import {
  calleeConnectionText,
  callerConnectionFacts,
  callerConnectionText,
  connectionFacts,
} from './connection-facts.ts';
import type { TextCondition } from './text-condition.ts';

/** Facts whose values are any texts. */
export const textFacts = [
  'uri',
  'method',
  'host',
  'header',
  'protocol',
  'body',
  'service',
  'location',
  'answer-header',
  'answer-body',
  'trailer',
  ...connectionFacts,
  ...callerConnectionFacts,
] as const;

/** Text facts that have the name of a header or of a trailer after them. */
export const namedTextFacts = ['header', 'answer-header', 'trailer'] as const;

/** Text fact, or another fact whose values may be compared as texts. */
export interface TextFact {
  readonly kind: (typeof textFacts)[number] | 'version' | 'pod' | 'peer';
  /** Name of the header or of the trailer, in lower case; undefined for other facts. */
  readonly header: string | undefined;
}

/** Kind of a fact that is shown as a whole, or not at all. */
type OtherFact = Exclude<TextFact['kind'], 'body' | 'answer-body'>;

/** Returns a text fact as it is written. */
export function textFactTitle({ kind, header }: TextFact): string {
  return header === undefined ? kind : `${kind} ${header}`;
}

/**
 * Returns the value of a text fact of a call: `null` if it is known to be absent, and undefined if no answer shows it.
 *
 * @param condition condition that the value is for: a redacted value shows only that it exists
 */
export function textOf(
  call: CallResult,
  fact: TextFact,
  condition: Pick<TextCondition, 'kind'>,
): string | null | undefined {
  if (fact.kind === 'body' || fact.kind === 'answer-body') return bodyText(call, fact.kind, condition);
  const value = shownText(call, { ...fact, kind: fact.kind });
  return value === redacted && condition.kind !== 'exists' ? undefined : value;
}

/** Body of a message, as far as it is shown. */
interface ShownBody {
  /** Text of the body; `null` if the message has none; undefined if it is not text. */
  readonly text: string | null | undefined;
  readonly isWhole: boolean;
}

/**
 * Returns a body for a condition. Of a body that is shown in part, only a text that it contains is known.
 */
function bodyText(
  call: CallResult,
  kind: 'body' | 'answer-body',
  condition: Pick<TextCondition, 'kind'> & { readonly values?: readonly string[] },
): string | null | undefined {
  const shown = kind === 'body' ? requestBody(call) : answerBody(call);
  if (shown === undefined) return undefined;
  const { text, isWhole } = shown;
  if (isWhole || condition.kind === 'exists') return text === undefined && condition.kind === 'exists' ? '' : text;
  const isFound = condition.kind === 'contains' && condition.values?.some((value) => text?.includes(value));
  return isFound === true ? text : undefined;
}

/** Returns the body that the callee saw; undefined if its reply does not show whether there is one. */
function requestBody({ reply }: CallResult): ShownBody | undefined {
  const { headers, body, bodyBytes } = reply?.request ?? {};
  if (bodyBytes !== undefined)
    return { text: body, isWhole: body !== undefined && Buffer.byteLength(body) === bodyBytes };
  if (headers === undefined || reply?.request?.protocol !== 'http') return undefined;
  const length = headerValue(headers, 'content-length') ?? '0';
  const isEmpty = length === '0' && headerValue(headers, 'transfer-encoding') === undefined;
  return isEmpty ? { text: null, isWhole: true } : undefined;
}

/** Returns the body of an answer: that of a reply, or the first part of that of another server. */
function answerBody({ reply, pruned, headers, body, bodyBytes, answeredBy }: CallResult): ShownBody | undefined {
  // An answer that was shortened for gRPC has lost its headers and its body.
  if (reply !== undefined) return isShortened(reply) ? undefined : { text: reply.body ?? null, isWhole: true };
  if (answeredBy === 'nobody' || pruned !== undefined || headers === undefined) return undefined;
  return { text: body ?? null, isWhole: bodyBytes === undefined };
}

/** Reports whether a reply may have lost its body. The request of one over TCP never has headers. */
function isShortened({ request, body }: Reply): boolean {
  return body === undefined && request?.headers === undefined && request?.protocol !== 'tcp';
}

function shownText(call: CallResult, { kind, header = '' }: TextFact & { kind: OtherFact }): string | null | undefined {
  const { reply } = call;
  const request = reply?.request;
  switch (kind) {
    case 'uri':
      return request?.uri;
    case 'method':
      return request?.method;
    case 'protocol':
      return request?.protocol;
    case 'host':
      return request?.headers?.host ?? request?.headers?.[':authority'];
    case 'header':
      return request?.headers === undefined ? undefined : (headerValue(request.headers, header) ?? null);
    case 'service':
      return reply?.service ?? signedService(call);
    case 'location':
      return answerHeader(call, 'location');
    case 'answer-header':
      return answerHeader(call, header);
    case 'trailer':
      return answerTrailer(call, header);
    case 'tls-version':
    case 'sni':
    case 'alpn':
    case 'tls-peer':
    case 'http-version':
      return calleeConnectionText(call, kind);
    case 'caller-tls-version':
    case 'caller-sni':
    case 'caller-alpn':
    case 'caller-tls-peer':
    case 'caller-http-version':
      return callerConnectionText(call, kind);
    case 'version':
      return reply?.version ?? signedVersion(call);
    case 'pod':
      return reply?.pod;
    case 'peer':
      return reply === undefined ? undefined : (reply.mesh?.peerIdentity ?? null);
  }
}

/** Returns a header of an answer. A call shows all of them, or none, or some if the others had no room. */
function answerHeader({ headers, pruned }: CallResult, name: string): string | null | undefined {
  if (headers === undefined) return undefined;
  return headerValue(headers, name) ?? (pruned === undefined ? null : undefined);
}

/** Returns a trailer of an answer. Only an answer without a length that was read to its end shows that it has none. */
function answerTrailer(call: CallResult, name: string): string | null | undefined {
  const { trailers, stream, scheme } = call;
  if (trailers !== undefined) return headerValue(trailers, name) ?? null;
  if (scheme === 'grpc' || scheme === 'grpcs' || scheme === 'tcp') return undefined;
  return stream !== undefined && isReadToEnd(call) ? null : undefined;
}

/** Reports whether a call shows that its caller has read the whole answer. */
export function isReadToEnd({ reply, pruned, headers, bodyBytes }: CallResult): boolean {
  return pruned === undefined && (reply !== undefined || (headers !== undefined && bodyBytes === undefined));
}
