import { isClientSpanError, isServerSpanError } from '../reply/status.ts';
import type { Finding } from './finding.ts';
import {
  checkAnswered,
  checkProxyPlacement,
  checkSingleCallee,
  checkSingleRequest,
  checkStatusesAgree,
  checkUndelivered,
} from './hop-rules.ts';
import { isProxy } from './proxy-spans.ts';
import type { Rule, RuleViolation, SpanContext } from './rule.ts';
import { errorOf, isMeshmockSpan, type Span, spanText, statusOf } from './span.ts';
import { spanOutcome } from './span-outcome.ts';

/** Rules for the spans of any trace, independent of the reply. A span is reported for the first rule that it violates. */
const rules: readonly Rule[] = [
  checkParent,
  checkClientParent,
  checkServerParent,
  checkProxyPlacement,
  checkSingleRequest,
  checkUndelivered,
  checkSingleCallee,
  checkAnswered,
  checkErrorStatus,
  checkStatusesAgree,
];

/** Checks the rules for each span. */
export function checkStructure(context: SpanContext): Finding[] {
  const { tree } = context;
  const doubled = tree.repeated.flatMap((spanId) => {
    const span = tree.get(spanId);
    return span === undefined
      ? []
      : [findingOf(span, context, ['doubled', `${spanText(span)} was received more than once`])];
  });
  const others = tree.spans.flatMap((span) => {
    const problem = rules.map((rule) => rule(span, context)).find((result) => result !== undefined);
    return problem === undefined ? [] : [findingOf(span, context, problem)];
  });
  return [...doubled, ...others];
}

function findingOf(span: Span, { tree, places }: SpanContext, [kind, message]: RuleViolation): Finding {
  const known = [span, ...tree.above(span)].find(({ spanId }) => places.has(spanId));
  const above = (known === undefined ? undefined : places.get(known.spanId)) ?? [];
  const where = known === span || above.at(-1) === span.service ? above : [...above, span.service];
  return { kind, where, message, spanId: span.spanId };
}

/** Checks that every span has a parent in the trace, except the first one. */
function checkParent(span: Span, { tree, missing, top, sentParent }: SpanContext): RuleViolation | undefined {
  const { parentSpanId, spanId } = span;
  if (parentSpanId === sentParent && sentParent !== undefined) return undefined;
  if (parentSpanId === undefined) {
    const isFirst = top === undefined || top === spanId || (!isMeshmockSpan(span) && !isProxy(span));
    return isFirst ? undefined : ['wrong_parent', `${spanText(span)} is below no span`];
  }
  if (tree.get(parentSpanId) !== undefined || missing.has(parentSpanId)) return undefined;
  return ['dangling_parent', `${spanText(span)} is below span ${parentSpanId}, which is missing`];
}

/** Checks that a CLIENT span is directly below a SERVER span of its service. */
function checkClientParent(span: Span, { tree }: SpanContext): RuleViolation | undefined {
  if (!isMeshmockSpan(span) || span.kind !== 'client') return undefined;
  const parent = tree.get(span.parentSpanId);
  if (parent === undefined) return undefined;
  if (isMeshmockSpan(parent) && parent.kind === 'server' && parent.service === span.service) return undefined;
  return ['wrong_parent', `${spanText(span)} is below ${spanText(parent)}, not a SERVER span of its service`];
}

/** Checks that the nearest meshmock's span above a SERVER span is a CLIENT span. The first SERVER span has none. */
function checkServerParent(span: Span, { tree }: SpanContext): RuleViolation | undefined {
  if (!isMeshmockSpan(span) || span.kind !== 'server') return undefined;
  const above = tree.meshmockSpanAbove(span);
  if (above === undefined || above.kind === 'client') return undefined;
  return ['wrong_parent', `${spanText(span)} is below ${spanText(above)}, not a CLIENT span`];
}

/** Checks that a span is an error if its status is one (OpenTelemetry semantic conventions), or if it has no answer. */
function checkErrorStatus(span: Span): RuleViolation | undefined {
  if (!isMeshmockSpan(span)) return undefined;
  const status = statusOf(span);
  const isFault = span.kind === 'client' ? isClientSpanError : isServerSpanError;
  const isError = status === undefined ? errorOf(span) !== undefined : isFault(status);
  if (span.isError === isError) return undefined;
  const { outcome } = spanOutcome(span);
  return ['wrong_status', `${spanText(span)} says ${outcome} and ${span.isError ? 'an error' : 'no error'}`];
}
