/**
 * Changes one span of a trace, like a broken exporter, collector or propagation does. Tests check that each change is
 * found. It works on any trace of meshmocks, with or without the spans of sidecars.
 */
import { isMirrored, isProxy } from '../../src/trace/proxy-spans.ts';
import { isMeshmockSpan, type Span, statusOf } from '../../src/trace/span.ts';
import { SpanTree } from '../../src/trace/span-tree.ts';
import type { Random } from '../random.ts';

export interface Mutation {
  /** Description of the change, for a person. */
  readonly text: string;
  readonly kind: MutationKind;
  readonly span: Span;
  /** Spans of the changed trace. */
  readonly spans: readonly Span[];
}

export const mutationKinds = ['removed', 'sent twice', 'doubled', 're-parented', 'status changed'] as const;
export type MutationKind = (typeof mutationKinds)[number];

/**
 * Makes one random change to one random span.
 *
 * @param isShown reports whether the reply names a span: other spans are not missed
 */
export function mutate(
  spans: readonly Span[],
  random: Random,
  isShown: (span: Span) => boolean = () => true,
): Mutation {
  const hops = spans.filter((span) => (isMeshmockSpan(span) || isProxy(span)) && !isMirrored(span) && isShown(span));
  for (;;) {
    const kind = random.pick(mutationKinds);
    const span = random.pick(hops);
    const mutated = apply(kind, span, spans, random);
    if (mutated === undefined) continue;
    const text = `${span.service} ${span.scope} ${span.kind} ${span.spanId} ${kind}${mutated.detail}`;
    return { text, kind, span, spans: mutated.spans };
  }
}

interface Mutated {
  readonly spans: readonly Span[];
  readonly detail: string;
}

function apply(kind: MutationKind, span: Span, spans: readonly Span[], random: Random): Mutated | undefined {
  const replaced = (other: Span, detail: string): Mutated => ({
    spans: spans.map((one) => (one === span ? other : one)),
    detail,
  });
  switch (kind) {
    case 'removed':
      return leavesGap(span, spans) ? { spans: spans.filter((one) => one !== span), detail: '' } : undefined;
    case 'sent twice':
      return { spans: [...spans, span], detail: '' };
    case 'doubled':
      // A second span of a proxy may be another attempt.
      if (isProxy(span)) return undefined;
      return { spans: [...spans, { ...span, spanId: random.id(16) }], detail: '' };
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

/** Reports whether a missing span can be noticed. A proxy's span without children leaves no gap. */
function leavesGap(span: Span, spans: readonly Span[]): boolean {
  return !isProxy(span) || new SpanTree(spans).childrenOf(span.spanId).length > 0;
}

/** Reports whether a span may be below another parent: a failed attempt of a proxy may belong to any call to its service. */
function mayBeBelow(span: Span, parent: string | undefined, spans: readonly Span[]): boolean {
  const [current, other] = [span.parentSpanId, parent].map((id) => spans.find(({ spanId }) => spanId === id));
  if (current === undefined || other === undefined || !isProxy(current)) return false;
  return (
    span.isError && other.scope === current.scope && other.kind === current.kind && other.service === current.service
  );
}

const statusNames = [
  ['http.response.status_code', [200, 404, 500, 503]],
  ['rpc.response.status_code', ['OK', 'NOT_FOUND', 'INTERNAL', 'UNAVAILABLE']],
  ['grpc.status_code', ['0', '5', '13', '14']],
  ['http.status_code', ['200', '404', '500', '503']],
] as const;

/** Returns a span with another status, or with the opposite error flag. Proxies set that flag by their own rules. */
function withOtherStatus(span: Span, random: Random): Span | undefined {
  if (isMeshmockSpan(span) && random.next() < 0.3) return { ...span, isError: !span.isError };
  const [name, values] = statusNames.find(([attribute]) => attribute in span.attributes) ?? [];
  if (name === undefined || values === undefined)
    return isMeshmockSpan(span) ? { ...span, isError: !span.isError } : undefined;
  const value = random.pick(values.filter((other) => String(other) !== String(span.attributes[name])));
  return { ...span, attributes: { ...span.attributes, [name]: value } };
}
