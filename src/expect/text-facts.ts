import { headerValue, signedService, signedVersion } from '../reply/mesh-headers.ts';
import { redacted } from '../reply/redaction.ts';
import type { CallResult } from '../reply/reply.ts';
import type { TextCondition } from './text-condition.ts';

/** Facts whose values are any texts. */
export const textFacts = [
  'uri',
  'method',
  'host',
  'header',
  'protocol',
  'service',
  'location',
  'answer-header',
] as const;

/** Text fact, or another fact whose values may be compared as texts. */
export interface TextFact {
  readonly kind: (typeof textFacts)[number] | 'version' | 'pod' | 'peer';
  /** Name of the header, in lower case; undefined for other facts. */
  readonly header: string | undefined;
}

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
  const value = shownText(call, fact);
  return value === redacted && condition.kind !== 'exists' ? undefined : value;
}

function shownText(call: CallResult, { kind, header = '' }: TextFact): string | null | undefined {
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
