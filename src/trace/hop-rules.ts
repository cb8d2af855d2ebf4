import { undeliveredErrors } from '../reply/status.ts';
import { isInbound, isMirrored, isOutbound, isProxy, isUpstreamAnswer } from './proxy-spans.ts';
import type { RuleViolation, SpanContext } from './rule.ts';
import { errorOf, isGrpc, isMeshmockSpan, type Span, spanText, statusOf } from './span.ts';
import { spanOutcome } from './span-outcome.ts';
import type { SpanTree } from './span-tree.ts';

/** Proxies stand on the way between a CLIENT and a SERVER span, the caller's before the callee's. */
export function checkProxyPlacement(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if (!isProxy(span) || hasServiceWithoutSpans) return undefined;
  const parent = tree.get(span.parentSpanId);
  if (parent === undefined) return undefined;
  const isBehindApp = isMeshmockSpan(parent) && parent.kind === 'server';
  const isTurned = isInbound(parent) ? !isUpstreamSpan(span, parent) : isOutbound(span) && isOutbound(parent);
  if (!isBehindApp && !isTurned) return undefined;
  return ['wrong_parent', `${spanText(span)} is below ${spanText(parent)}, not a CLIENT span`];
}

/** With `spawn_upstream_span` an Envoy has a span of its own for what it sends on, which says its node id or none. */
function isUpstreamSpan(span: Span, parent: Span): boolean {
  const { node_id: nodeId = parent.attributes.node_id } = span.attributes;
  return span.kind === 'client' && span.service === parent.service && nodeId === parent.attributes.node_id;
}

/** A call is one request: it has one span below, and through a proxy only one attempt can have gone well. */
export function checkSingleRequest(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if ((!isCall(span) && !isProxy(span)) || hasServiceWithoutSpans) return undefined;
  const next = hopsBelow(span, tree);
  const services = next.filter(isMeshmockSpan);
  const sole = isCall(span) ? next : isInbound(span) && services.length > 1 ? services : next.filter(isFinal);
  if (sole.length > 1) return ['doubled', `${sole.length} spans of one call are below ${spanText(span)}`];
  const isMixed = services.length > 0 && services.length < next.length;
  if (isMixed && (isInbound(span) || services.some(isFinal)))
    return ['wrong_parent', `${services.map(spanText).join(', ')} goes round a proxy below ${spanText(span)}`];
  return undefined;
}

/** Where a call was refused, nobody can have been asked. */
export function checkUndelivered(span: Span, { tree }: SpanContext): RuleViolation | undefined {
  if (!isCall(span) || !undeliveredErrors.has(errorOf(span) ?? '')) return undefined;
  const [reached] = hopsBelow(span, tree);
  if (reached === undefined) return undefined;
  return ['wrong_parent', `${spanText(reached)} is below ${spanText(span)}, which reached nobody`];
}

/** All attempts of a call ask the same service, by the protocol of the call. */
export function checkSingleCallee(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  if (!isCall(span) || hasServiceWithoutSpans) return undefined;
  const servers = tree.meshmockSpansBelow(span.spanId).filter((below) => below.kind === 'server' && !isMirrored(below));
  const odd = servers.find((below) => isGrpc(below) !== isGrpc(span) || below.service !== servers[0]?.service);
  return odd === undefined
    ? undefined
    : ['wrong_parent', `${spanText(odd)} is below ${spanText(span)}, of another call`];
}

/** Where a meshmock has answered, one has been asked; and a sidecar that passed on an answer got it from its app. */
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
  const isOfAMeshmock = caller === undefined || caller.attributes['meshmock.reply'] === true;
  if (!isOfAMeshmock || !isUpstreamAnswer(span) || mayBeRefusal(span)) return undefined;
  return ['missing', `below ${spanText(span)} the SERVER span of its app is missing`];
}

/** What one passed on, the other got. */
export function checkStatusesAgree(
  span: Span,
  { tree, hasServiceWithoutSpans }: SpanContext,
): RuleViolation | undefined {
  const status = statusOf(span);
  if (status === undefined || hasServiceWithoutSpans || (!isCall(span) && !(isProxy(span) && isUpstreamAnswer(span))))
    return undefined;
  const below = hopsBelow(span, tree);
  const statuses = below.map(statusOf).filter((seen) => typeof seen === typeof status);
  if (statuses.length === 0 || statuses.length < below.length || statuses.includes(status)) return undefined;
  // Whoever was cancelled gave no answer: the one above ended the call itself.
  if (statuses.some((seen) => seen === 'CANCELLED' || seen === 499)) return undefined;
  return ['wrong_status', `${spanText(span)} says ${status}, ${below.map(spanOutcomeText).join(', ')}`];
}

function spanOutcomeText(span: Span): string {
  return `${spanText(span)} ${spanOutcome(span).outcome}`;
}

/** The nearest spans of proxies and services below one, as far as the answer depends on them. */
function hopsBelow({ spanId }: Span, tree: SpanTree): Span[] {
  return tree
    .childrenOf(spanId)
    .filter((span) => isProxy(span) || (isMeshmockSpan(span) && span.kind === 'server' && !isMirrored(span)));
}

function isCall(span: Span): boolean {
  return isMeshmockSpan(span) && span.kind === 'client';
}

/** Whether no proxy can have tried again after it: it does where there was no answer, or one of a failure. */
function isFinal(span: Span): boolean {
  const status = statusOf(span);
  if (status === undefined) return false;
  return typeof status === 'number' ? status < 400 : status === 'OK';
}

/** Envoy gives no flag when it refuses by policy (RBAC, JWT, a local rate limit): it may not have asked its app. */
function mayBeRefusal(span: Span): boolean {
  const status = statusOf(span);
  return (
    status === undefined ||
    [401, 403, 429, 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED'].includes(status)
  );
}
