import {
  type Attributes,
  type Context,
  context,
  defaultTextMapGetter,
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { authorityOf, methodOf, type Protocol, protocolOf } from '../plan/plan.ts';
import { redactUri } from '../reply/redaction.ts';
import { isClientSpanError, isServerSpanError } from '../reply/status.ts';
import { HopTracer } from './hop-tracer.ts';
import { type OldNames, oldStatus, withOldNames } from './old-names.ts';
import type { HopPropagator } from './propagation.ts';
import type { HopSpan } from './span-export/hop-span.ts';
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
 * Returns tracing that makes spans as the SDK is configured.
 *
 * @param sdkTracer tracer of the SDK
 * @param names says which attributes also have their old names
 * @param isContextRead true if logs or other instrumentation read the active context, which costs as much as a span
 */
export function spanTracing(
  sdkTracer: Tracer,
  propagator: HopPropagator,
  names: OldNames,
  isContextRead: boolean,
  stop: () => Promise<void>,
): Tracing {
  const tracer = new HopTracer(sdkTracer);
  return {
    startRequest(facts) {
      const arrived = propagator.extract(ROOT_CONTEXT, facts.headers, defaultTextMapGetter);
      const parent = parentIn(arrived);
      const name = facts.protocol === 'http' ? `${facts.method} ${httpRoute}` : shortText(facts.method);
      const spanContext = tracer.contextOf(name, arrived, parent);
      const { traceId, spanId } = spanContext;
      const run = runIn(arrived, spanContext);
      if (!isSampled(spanContext))
        return unrecordedTrace(traceId, run, () => propagator.headersOf(spanContext, arrived));
      const attributes = shortAttributes(withOldNames(serverAttributes(facts), names, true));
      const span = tracer.startServerSpan(name, spanContext, parent, attributes);
      return {
        traceId,
        spanId,
        describe: (described) => void Object.assign(attributes, described),
        run,
        startCall: (call) => startCall(call, arrived, span),
        end: (outcome) => {
          endServerSpan(span, facts, outcome, names);
          tracer.end(span);
        },
      } satisfies RequestTrace;
    },
    stop,
  };

  function startCall(facts: CallFacts, arrived: Context, parent: HopSpan): CallTrace {
    const protocol = protocolOf(facts.call.scheme);
    const attributes = shortAttributes(withOldNames(clientAttributes(facts, protocol), names, false));
    const span = tracer.startClientSpan(clientSpanName(facts, protocol), parent, attributes);
    return {
      spanId: span.context.spanId,
      headers: propagator.headersOf(span.context, arrived),
      run: runIn(arrived, span.context),
      end: (outcome) => {
        endClientSpan(span, protocol, outcome, names);
        tracer.end(span);
      },
    };
  }

  function runIn(arrived: Context, spanContext: SpanContext): RequestTrace['run'] {
    if (!isContextRead) return runDirectly;
    const current = trace.setSpanContext(arrived, spanContext);
    return (action) => context.with(current, action);
  }
}

const runDirectly: RequestTrace['run'] = (action) => action();

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** Returns the span of the caller. */
function parentIn(arrived: Context): SpanContext | undefined {
  const parent = trace.getSpanContext(arrived);
  return parent !== undefined && isSpanContextValid(parent) ? parent : undefined;
}

/**
 * Returns the trace of a request that is not sampled. Its calls are not sampled either, so none has a span: they carry the
 * context of the request, and share its headers.
 */
function unrecordedTrace(
  traceId: string,
  run: RequestTrace['run'],
  headersOf: () => Record<string, string>,
): RequestTrace {
  let call: CallTrace | undefined;
  const startCall = (): CallTrace => (call ??= { spanId: undefined, headers: headersOf(), run, end: ignore });
  // The order is that of recorded requests, so that V8 sees one shape.
  return { traceId, spanId: undefined, describe: ignore, run, startCall, end: ignore };
}

function ignore(): void {}

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
  const shown = shortText(uri);
  const pathEnd = shown.indexOf('?');
  const attributes: Attributes = {
    'http.request.method': method,
    'http.route': httpRoute,
    'url.scheme': headers['x-forwarded-proto'] ?? 'http',
    'url.path': pathEnd === -1 ? shown : shown.slice(0, pathEnd),
  };
  if (pathEnd !== -1) attributes['url.query'] = shown.slice(pathEnd + 1);
  const { 'user-agent': userAgent } = headers;
  if (userAgent !== undefined) attributes['user_agent.original'] = userAgent;
  return Object.assign(attributes, serverAddress(headers.host));
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

function protocolAttributes({ call, rpcMethod, path }: CallFacts, protocol: Protocol): Attributes {
  switch (protocol) {
    case 'http':
      return {
        'http.request.method': methodOf(call),
        'url.full': `${call.scheme}://${authorityOf(call)}${redactUri(path)}`,
      };
    case 'grpc':
      return { 'rpc.system.name': 'grpc', 'rpc.method': rpcMethod };
    case 'tcp':
      return { 'network.transport': 'tcp' };
  }
}

function clientAttributes(facts: CallFacts, protocol: Protocol): Attributes {
  const { call, stage, budgetLeft, attempt } = facts;
  const attributes = protocolAttributes(facts, protocol);
  attributes['server.address'] = call.host;
  attributes['server.port'] = call.port;
  attributes['meshmock.target'] = authorityOf(call);
  attributes['meshmock.stage'] = stage;
  attributes['meshmock.budget_left'] = budgetLeft;
  if (attempt > 1) {
    attributes['meshmock.attempt'] = attempt;
    if (protocol === 'http') attributes['http.request.resend_count'] = attempt - 1;
  }
  return attributes;
}

function endServerSpan(
  span: HopSpan,
  { protocol }: RequestFacts,
  { status, grpcStatus, error }: RequestOutcome,
  names: OldNames,
): void {
  if (error !== undefined) span.attributes['meshmock.error'] = error;
  if (status === undefined || grpcStatus === undefined) fail(span, error ?? 'reset');
  else setStatus(span, protocol === 'http' ? status : grpcStatus, isServerSpanError, names);
}

function endClientSpan(span: HopSpan, protocol: Protocol, outcome: CallOutcome, names: OldNames): void {
  const { status, grpcStatus, error, isReply } = outcome;
  // A service makes no span for a request over TCP.
  if (isReply && protocol !== 'tcp') span.attributes['meshmock.reply'] = true;
  const received = protocol === 'grpc' ? grpcStatus : status;
  if (error !== undefined) {
    span.attributes['meshmock.error'] = error;
    fail(span, error);
  } else if (received !== undefined && protocol === 'tcp') {
    // The conventions have no status of an answer over TCP.
    span.attributes['meshmock.status'] = received;
    if (isClientSpanError(received)) fail(span, String(received));
  } else if (received !== undefined) {
    setStatus(span, received, isClientSpanError, names);
  }
}

/**
 * Sets the status of a span.
 *
 * @param status HTTP status, or name of the gRPC status
 */
function setStatus(
  span: HopSpan,
  status: number | string,
  isFault: (status: number | string) => boolean,
  names: OldNames,
): void {
  span.attributes[typeof status === 'number' ? 'http.response.status_code' : 'rpc.response.status_code'] = status;
  if (names.http || names.rpc) Object.assign(span.attributes, oldStatus(status, names));
  if (isFault(status)) fail(span, String(status));
}

function fail(span: HopSpan, type: string): void {
  span.attributes['error.type'] = type;
  span.isError = true;
}
