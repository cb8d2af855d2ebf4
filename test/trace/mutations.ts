/**
 * Spoils one span of a trace, as exporters, collectors and wrong propagation do: for tests of what finds it. Works on
 * any trace of meshmocks, with the spans of sidecars or without.
 */
import { isMirrored, isProxy } from '../../src/trace/proxy-spans.ts';
import { isMeshmockSpan, type Span, statusOf } from '../../src/trace/span.ts';
import { SpanTree } from '../../src/trace/span-tree.ts';
import type { Random } from './random.ts';

export interface Mutation {
  /** What was done to which span, for a person to read. */
  readonly text: string;
  readonly kind: MutationKind;
  readonly span: Span;
  /** The trace as it is then. */
  readonly spans: readonly Span[];
}

export const mutationKinds = ['removed', 'sent twice', 'doubled', 're-parented', 'status changed'] as const;
export type MutationKind = (typeof mutationKinds)[number];

/**
 * Does one thing to one span, both left to chance.
 *
 * @param isTold whether the reply tells of a span: what it does not show, nobody can miss
 */
export function mutate(spans: readonly Span[], random: Random, isTold: (span: Span) => boolean = () => true): Mutation {
  const hops = spans.filter((span) => (isMeshmockSpan(span) || isProxy(span)) && !isMirrored(span) && isTold(span));
  for (;;) {
    const kind = random.pick(mutationKinds);
    const span = random.pick(hops);
    const mutated = apply(kind, span, spans, random);
    if (mutated === undefined) continue;
    const text = `${span.service} ${span.scope} ${span.kind} ${span.spanId} ${kind}${mutated.more}`;
    return { text, kind, span, spans: mutated.spans };
  }
}

interface Mutated {
  readonly spans: readonly Span[];
  readonly more: string;
}

function apply(kind: MutationKind, span: Span, spans: readonly Span[], random: Random): Mutated | undefined {
  const replaced = (other: Span, more: string): Mutated => ({
    spans: spans.map((one) => (one === span ? other : one)),
    more,
  });
  switch (kind) {
    case 'removed':
      return isTelling(span, spans) ? { spans: spans.filter((one) => one !== span), more: '' } : undefined;
    case 'sent twice':
      return { spans: [...spans, span], more: '' };
    case 'doubled':
      // Of a proxy it might be another attempt.
      if (isProxy(span)) return undefined;
      return { spans: [...spans, { ...span, spanId: random.id(16) }], more: '' };
    case 're-parented': {
      const parent = random.pick([undefined, random.id(16), ...spans.map(({ spanId }) => spanId)]);
      if (parent === span.parentSpanId || parent === span.spanId || mayBeBelow(span, parent, spans)) return undefined;
      return replaced({ ...span, parentSpanId: parent }, ` to ${parent}`);
    }
    case 'status changed': {
      const changed = withOtherStatus(span, random);
      return changed && replaced(changed, ` to ${statusOf(changed)}, error ${changed.isError}`);
    }
  }
}

/** A proxy's span with nothing below it leaves no gap: the call might have gone past it. */
function isTelling(span: Span, spans: readonly Span[]): boolean {
  return !isProxy(span) || new SpanTree(spans).childrenOf(span.spanId).length > 0;
}

/** An attempt of a proxy that failed may have been made for any call to that service. */
function mayBeBelow(span: Span, parent: string | undefined, spans: readonly Span[]): boolean {
  const [now, then] = [span.parentSpanId, parent].map((id) => spans.find(({ spanId }) => spanId === id));
  if (now === undefined || then === undefined || !isProxy(now)) return false;
  return span.isError && then.scope === now.scope && then.kind === now.kind && then.service === now.service;
}

const statusNames = [
  ['http.response.status_code', [200, 404, 500, 503]],
  ['rpc.response.status_code', ['OK', 'NOT_FOUND', 'INTERNAL', 'UNAVAILABLE']],
  ['grpc.status_code', ['0', '5', '13', '14']],
  ['http.status_code', ['200', '404', '500', '503']],
] as const;

/** Another status, or another opinion on whether it is an error, which a proxy has by rules of its own. */
function withOtherStatus(span: Span, random: Random): Span | undefined {
  if (isMeshmockSpan(span) && random.next() < 0.3) return { ...span, isError: !span.isError };
  const [name, values] = statusNames.find(([attribute]) => attribute in span.attributes) ?? [];
  if (name === undefined || values === undefined)
    return isMeshmockSpan(span) ? { ...span, isError: !span.isError } : undefined;
  const value = random.pick(values.filter((other) => String(other) !== String(span.attributes[name])));
  return { ...span, attributes: { ...span.attributes, [name]: value } };
}
