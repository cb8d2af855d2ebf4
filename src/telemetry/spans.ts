import {
  type Attributes,
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { authorityOf, methodOf, type Protocol, protocolOf } from '../plan/plan.ts';
import { redactUri } from '../reply/redaction.ts';
import { isClientSpanError, isServerSpanError } from '../reply/status.ts';
import { type OldNames, oldStatus, withOldNames } from './old-names.ts';
import {
  type CallFacts,
  type CallOutcome,
  type CallTrace,
  httpRoute,
  type RequestFacts,
  type RequestOutcome,
  type RequestTrace,
  type Tracing,
} from './tracing.ts';

/**
 * Returns tracing that makes spans through the OpenTelemetry API.
 *
 * @param names says which attributes also have their old names
 * @param isContextRead true if logs or other instrumentation read the active context, which costs as much as a span
 */
export function spanTracing(
  version: string,
  names: OldNames,
  isContextRead: boolean,
  stop: () => Promise<void>,
): Tracing {
  const tracer = trace.getTracer('meshmock', version);
  const runIn = <T>(active: Context, action: () => T): T => (isContextRead ? context.with(active, action) : action());
  return {
    startRequest(facts) {
      const parent = propagation.extract(ROOT_CONTEXT, facts.headers, defaultTextMapGetter);
      const name = facts.protocol === 'http' ? `${facts.method} ${httpRoute}` : shortText(facts.method);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, parent);
      const current = trace.setSpan(parent, span);
      const traceId = isSpanContextValid(span.spanContext()) ? span.spanContext().traceId : undefined;
      const run: RequestTrace['run'] = (action) => runIn(current, action);
      if (!span.isRecording()) return unrecordedTrace(traceId, current, run);
      span.setAttributes(shortAttributes(withOldNames(serverAttributes(facts), names, true)));
      return {
        traceId,
        spanId: recordedId(span),
        describe: (attributes) => void span.setAttributes(attributes),
        run,
        startCall: startCall(current),
        end: (outcome) => endServerSpan(span, facts, outcome, names),
      } satisfies RequestTrace;
    },
    stop,
  };

  function startCall(parent: ReturnType<typeof trace.setSpan>): RequestTrace['startCall'] {
    return (facts) => {
      const protocol = protocolOf(facts.call.scheme);
      const span = tracer.startSpan(clientSpanName(facts, protocol), { kind: SpanKind.CLIENT }, parent);
      if (span.isRecording())
        span.setAttributes(shortAttributes(withOldNames(clientAttributes(facts, protocol), names, false)));
      const current = trace.setSpan(parent, span);
      const headers: Record<string, string> = {};
      propagation.inject(current, headers, defaultTextMapSetter);
      return {
        spanId: recordedId(span),
        headers,
        run: (action) => runIn(current, action),
        end: (outcome) => endClientSpan(span, protocol, outcome, names),
      };
    };
  }
}

/**
 * Returns the trace of a request that is not sampled. Its calls are not sampled either, so none has a span: they carry the
 * context of the request, and share its headers.
 */
function unrecordedTrace(traceId: string | undefined, current: Context, run: RequestTrace['run']): RequestTrace {
  let call: CallTrace | undefined;
  const startCall = (): CallTrace => {
    const headers: Record<string, string> = {};
    propagation.inject(current, headers, defaultTextMapSetter);
    return { spanId: undefined, headers, run, end() {} };
  };
  return { traceId, spanId: undefined, describe() {}, startCall: () => (call ??= startCall()), run, end() {} };
}

/** Maximum length of a text in a span. Many spans may wait until they are exported. */
const maxTextLength = 2048;

/** Returns attributes with long texts cut. */
function shortAttributes(attributes: Attributes): Attributes {
  for (const name in attributes) {
    const value = attributes[name];
    if (typeof value === 'string' && value.length > maxTextLength) attributes[name] = shortText(value);
  }
  return attributes;
}

/** Returns a text, or a copy of its beginning. */
function shortText(text: string): string {
  return text.length <= maxTextLength ? text : `${Buffer.from(text.slice(0, maxTextLength - 1)).toString()}…`;
}

function serverAttributes({ protocol, method, uri, headers }: RequestFacts): Attributes {
  if (protocol === 'grpc')
    return { 'rpc.system.name': 'grpc', 'rpc.method': method, ...serverAddress(headers[':authority']) };
  // A part of a long text would keep the whole text in memory.
  const [path = '', query] = shortText(uri).split(/\?(.*)/s);
  const { 'user-agent': userAgent } = headers;
  return {
    'http.request.method': method,
    'http.route': httpRoute,
    'url.scheme': headers['x-forwarded-proto'] ?? 'http',
    'url.path': path,
    ...(query === undefined ? {} : { 'url.query': query }),
    ...(userAgent === undefined ? {} : { 'user_agent.original': userAgent }),
    ...serverAddress(headers.host),
  };
}

function serverAddress(authority: string | undefined): Attributes {
  const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(authority ?? '') ?? [];
  if (!host) return {};
  return { 'server.address': host, ...(port === undefined ? {} : { 'server.port': Number(port) }) };
}

function clientSpanName({ call, rpcMethod }: CallFacts, protocol: Protocol): string {
  switch (protocol) {
    case 'http':
      return methodOf(call);
    case 'grpc':
      return shortText(rpcMethod);
    case 'tcp':
      return 'tcp';
  }
}

function protocolAttributes({ call, rpcMethod, path, attempt }: CallFacts, protocol: Protocol): Attributes {
  switch (protocol) {
    case 'http':
      return {
        'http.request.method': methodOf(call),
        'url.full': `${call.scheme}://${authorityOf(call)}${redactUri(path)}`,
        ...(attempt === 1 ? {} : { 'http.request.resend_count': attempt - 1 }),
      };
    case 'grpc':
      return { 'rpc.system.name': 'grpc', 'rpc.method': rpcMethod };
    case 'tcp':
      return { 'network.transport': 'tcp' };
  }
}

function clientAttributes(facts: CallFacts, protocol: Protocol): Attributes {
  const { call, stage, budgetLeft, attempt } = facts;
  return {
    ...protocolAttributes(facts, protocol),
    'server.address': call.host,
    'server.port': call.port,
    'meshmock.target': authorityOf(call),
    'meshmock.stage': stage,
    'meshmock.budget_left': budgetLeft,
    ...(attempt === 1 ? {} : { 'meshmock.attempt': attempt }),
  };
}

function endServerSpan(
  span: Span,
  { protocol }: RequestFacts,
  { status, grpcStatus, error }: RequestOutcome,
  names: OldNames,
): void {
  if (error !== undefined) span.setAttribute('meshmock.error', error);
  if (status === undefined || grpcStatus === undefined) fail(span, error ?? 'reset');
  else setStatus(span, protocol === 'http' ? status : grpcStatus, isServerSpanError, names);
  span.end();
}

/** Returns the id of a span if it is sampled. Other spans are not exported. */
function recordedId(span: Span): string | undefined {
  const { spanId, traceFlags } = span.spanContext();
  return (traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : spanId;
}

function endClientSpan(span: Span, protocol: Protocol, outcome: CallOutcome, names: OldNames): void {
  const { status, grpcStatus, error, isReply } = outcome;
  // A service makes no span for a request over TCP.
  if (isReply && protocol !== 'tcp') span.setAttribute('meshmock.reply', true);
  const received = protocol === 'grpc' ? grpcStatus : status;
  if (error !== undefined) {
    span.setAttribute('meshmock.error', error);
    fail(span, error);
  } else if (received !== undefined && protocol === 'tcp') {
    // The conventions have no status of an answer over TCP.
    span.setAttribute('meshmock.status', received);
    if (isClientSpanError(received)) fail(span, String(received));
  } else if (received !== undefined) {
    setStatus(span, received, isClientSpanError, names);
  }
  span.end();
}

/**
 * Sets the status of a span.
 *
 * @param status HTTP status, or name of the gRPC status
 */
function setStatus(
  span: Span,
  status: number | string,
  isFault: (status: number | string) => boolean,
  names: OldNames,
): void {
  span.setAttribute(typeof status === 'number' ? 'http.response.status_code' : 'rpc.response.status_code', status);
  if (names.http || names.rpc) span.setAttributes(oldStatus(status, names));
  if (isFault(status)) fail(span, String(status));
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
