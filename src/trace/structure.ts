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

/** What holds between the spans of any trace, whatever the reply shows of it. */
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

/** Holds each span against its neighbours. */
export function checkStructure(around: SpanContext): Finding[] {
  const { tree } = around;
  const doubled = tree.repeated.flatMap((spanId) => {
    const span = tree.get(spanId);
    return span === undefined ? [] : [found(span, around, ['doubled', `${spanText(span)} came more than once`])];
  });
  const others = tree.spans.flatMap((span) => {
    const problem = rules.map((rule) => rule(span, around)).find((result) => result !== undefined);
    return problem === undefined ? [] : [found(span, around, problem)];
  });
  return [...doubled, ...others];
}

function found(span: Span, { tree, places }: SpanContext, [kind, message]: RuleViolation): Finding {
  const known = [span, ...tree.above(span)].find(({ spanId }) => places.has(spanId));
  const above = (known === undefined ? undefined : places.get(known.spanId)) ?? [];
  const where = known === span || above.at(-1) === span.service ? above : [...above, span.service];
  return { kind, where, message, spanId: span.spanId };
}

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

/** A service's calls are directly below what it does. */
function checkClientParent(span: Span, { tree }: SpanContext): RuleViolation | undefined {
  if (!isMeshmockSpan(span) || span.kind !== 'client') return undefined;
  const parent = tree.get(span.parentSpanId);
  if (parent === undefined) return undefined;
  if (isMeshmockSpan(parent) && parent.kind === 'server' && parent.service === span.service) return undefined;
  return ['wrong_parent', `${spanText(span)} is below ${spanText(parent)}, not a SERVER span of its service`];
}

/** What a service does is below a call of another, or nothing is above it: then it is the first. */
function checkServerParent(span: Span, { tree }: SpanContext): RuleViolation | undefined {
  if (!isMeshmockSpan(span) || span.kind !== 'server') return undefined;
  const above = tree.meshmockSpanAbove(span);
  if (above === undefined || above.kind === 'client') return undefined;
  return ['wrong_parent', `${spanText(span)} is below ${spanText(above)}, not a CLIENT span`];
}

/** An error by its status (OpenTelemetry semantic conventions), or because there was no answer. */
function checkErrorStatus(span: Span): RuleViolation | undefined {
  if (!isMeshmockSpan(span)) return undefined;
  const status = statusOf(span);
  const isFault = span.kind === 'client' ? isClientSpanError : isServerSpanError;
  const isError = status === undefined ? errorOf(span) !== undefined : isFault(status);
  if (span.isError === isError) return undefined;
  const { outcome } = spanOutcome(span);
  return ['wrong_status', `${spanText(span)} says ${outcome} and ${span.isError ? 'an error' : 'no error'}`];
}
