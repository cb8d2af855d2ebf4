import { undeliveredErrors } from '../reply/status.ts';
import { isInbound, isMirrored, isOutbound, isProxy, isUpstreamAnswer } from './proxy-spans.ts';
import type { RuleViolation, SpanContext } from './rule.ts';
import { errorOf, isGrpc, isMeshmockSpan, type Span, spanText, statusOf } from './span.ts';
import { spanOutcome } from './span-outcome.ts';
import type { SpanTree } from './span-tree.ts';

/** Checks that the spans of proxies are between a CLIENT and a SERVER span, the caller's proxy before the callee's. */
export function checkProxyPlacement(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if (!isProxy(span) || hasServiceWithoutSpans) return undefined;
  const parent = tree.get(span.parentSpanId);
  if (parent === undefined) return undefined;
  const isBelowServer = isMeshmockSpan(parent) && parent.kind === 'server';
  const isReversed = isInbound(parent) ? !isUpstreamSpan(span, parent) : isOutbound(span) && isOutbound(parent);
  if (!isBelowServer && !isReversed) return undefined;
  return ['wrong_parent', `${spanText(span)} is below ${spanText(parent)}, not a CLIENT span`];
}

/** Reports whether a span is Envoy's extra span for its upstream request (`spawn_upstream_span`). It may lack the node id. */
function isUpstreamSpan(span: Span, parent: Span): boolean {
  const { node_id: nodeId = parent.attributes.node_id } = span.attributes;
  return span.kind === 'client' && span.service === parent.service && nodeId === parent.attributes.node_id;
}

/** Checks that a call has one request below: one span, and below a proxy at most one final attempt. */
export function checkSingleRequest(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if ((!isCall(span) && !isProxy(span)) || hasServiceWithoutSpans) return undefined;
  const next = hopsBelow(span, tree);
  const services = next.filter(isMeshmockSpan);
  const requests = isCall(span) ? next : isInbound(span) && services.length > 1 ? services : next.filter(isFinal);
  if (requests.length > 1) return ['doubled', `${requests.length} spans of one call are below ${spanText(span)}`];
  const isMixed = services.length > 0 && services.length < next.length;
  if (isMixed && (isInbound(span) || services.some(isFinal)))
    return ['wrong_parent', `${services.map(spanText).join(', ')} bypasses a proxy below ${spanText(span)}`];
  return undefined;
}

/** Checks that a call that was not delivered has no request below. */
export function checkUndelivered(span: Span, { tree }: SpanContext): RuleViolation | undefined {
  if (!isCall(span) || !undeliveredErrors.has(errorOf(span) ?? '')) return undefined;
  const [request] = hopsBelow(span, tree);
  if (request === undefined) return undefined;
  return ['wrong_parent', `${spanText(request)} is below ${spanText(span)}, which did not reach a service`];
}

/** Checks that all attempts of a call go to the same service, with the protocol of the call. */
export function checkSingleCallee(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if (!isCall(span) || hasServiceWithoutSpans) return undefined;
  const servers = tree.meshmockSpansBelow(span.spanId).filter((below) => below.kind === 'server' && !isMirrored(below));
  const other = servers.find((below) => isGrpc(below) !== isGrpc(span) || below.service !== servers[0]?.service);
  return other === undefined
    ? undefined
    : ['wrong_parent', `${spanText(other)} is below ${spanText(span)}, but belongs to another call`];
}

/** Checks that an answer of a meshmock has a SERVER span, below the call and below the callee's sidecar. */
export function checkAnswered(
  span: Span,
  { tree, replied, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if (hasServiceWithoutSpans) return undefined;
  if (isCall(span)) {
    if (span.attributes['meshmock.reply'] !== true || replied.has(span.spanId)) return undefined;
    if (tree.meshmockSpansBelow(span.spanId).length > 0) return undefined;
    return ['missing', `below ${spanText(span)} the SERVER span is missing, though a meshmock answered`];
  }
  if (!isInbound(span) || tree.childrenOf(span.spanId).length > 0) return undefined;
  const caller = tree.meshmockSpanAbove(span);
  const hasReply = caller === undefined || caller.attributes['meshmock.reply'] === true;
  if (!hasReply || !isUpstreamAnswer(span) || mayBeRefusal(span)) return undefined;
  return ['missing', `below ${spanText(span)} the SERVER span of its service is missing`];
}

/** Checks that a call or a proxy has the status of a request below. */
export function checkStatusesAgree(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  const status = statusOf(span);
  if (status === undefined || hasServiceWithoutSpans || (!isCall(span) && !(isProxy(span) && isUpstreamAnswer(span))))
    return undefined;
  const below = hopsBelow(span, tree);
  const statuses = below.map(statusOf).filter((other) => typeof other === typeof status);
  if (statuses.length === 0 || statuses.length < below.length || statuses.includes(status)) return undefined;
  // A cancelled request has no answer: its caller ended the call.
  if (statuses.some((other) => other === 'CANCELLED' || other === 499)) return undefined;
  return ['wrong_status', `${spanText(span)} says ${status}, ${below.map(spanOutcomeText).join(', ')}`];
}

function spanOutcomeText(span: Span): string {
  return `${spanText(span)} ${spanOutcome(span).outcome}`;
}

/** Returns the spans of proxies and services directly below a span, without mirrored requests. */
function hopsBelow({ spanId }: Span, tree: SpanTree): Span[] {
  return tree
    .childrenOf(spanId)
    .filter((span) => isProxy(span) || (isMeshmockSpan(span) && span.kind === 'server' && !isMirrored(span)));
}

function isCall(span: Span): boolean {
  return isMeshmockSpan(span) && span.kind === 'client';
}

/** Reports whether an attempt is final: a proxy retries only after a failure, or without an answer. */
function isFinal(span: Span): boolean {
  const status = statusOf(span);
  if (status === undefined) return false;
  return typeof status === 'number' ? status < 400 : status === 'OK';
}

/** Reports whether a sidecar may have refused a request by policy (RBAC, JWT, local rate limit). Envoy sets no flag then. */
function mayBeRefusal(span: Span): boolean {
  const status = statusOf(span);
  return (
    status === undefined ||
    [401, 403, 429, 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED'].includes(status)
  );
}
