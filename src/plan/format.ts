import {
  type Call,
  type CallOptions,
  type CallsPlan,
  type Condition,
  type Delay,
  type Directive,
  defaultPorts,
  type Header,
  type Plan,
} from './plan.ts';
import { formatDurationMs, formatSizeBytes } from './quantity.ts';

/**
 * Formats a plan as its canonical path. `parsePath` parses the path into an equal plan.
 *
 * @example
 * formatPath(parsePath('/@a:8080|b/x')); // '/@a|b/x'
 */
export function formatPath(plan: Plan): string {
  let path = '';
  let rest: Plan | undefined = plan;
  while (rest !== undefined) {
    for (const directive of rest.directives) path += `/~${formatDirective(directive)}`;
    if (rest.kind === 'answer') return path + rest.uri;
    path += `/@${formatStages(rest)}`;
    rest = rest.then;
  }
  return path;
}

function formatStages({ stages }: CallsPlan): string {
  let text = '';
  for (const stage of stages) {
    let separator = text === '' ? '' : ',';
    for (const call of stage) {
      text += separator + formatCall(call);
      separator = '|';
    }
  }
  return text;
}

function formatCall(call: Call): string {
  const { scheme, host, port, times, headers, options, then } = call;
  let text = scheme === 'http' && !needsScheme(call) ? '' : `${scheme}:`;
  text += host.includes(':') ? `[${host}]` : host;
  if (port !== defaultPorts[scheme]) text += `:${port}`;
  if (times !== 1) text += `*${times}`;
  for (const header of headers) text += formatHeader(header);
  text += formatOptions(options);
  return then === undefined ? text : `${text}(${formatPath(then)})`;
}

function formatOptions({ timeoutMs, method, retries, concurrency, http2, body }: CallOptions): string {
  let text = '';
  if (timeoutMs !== undefined) text += `;timeout=${formatDurationMs(timeoutMs)}`;
  if (method !== undefined) text += `;method=${method}`;
  if (retries !== undefined) text += `;retries=${retries}`;
  if (concurrency !== undefined) text += `;concurrency=${concurrency}`;
  if (http2 !== undefined) text += ';http2';
  if (body !== undefined) text += ';body';
  return text;
}

/** Reports whether a host has the name of a scheme and a port after it: `grpc:81` would be the host 81 over gRPC. */
function needsScheme({ host, port }: Call): boolean {
  return port !== defaultPorts.http && Object.hasOwn(defaultPorts, host);
}

/** Encodes the characters that would end the value, and those that proxies rewrite (`|`, a dot segment) or cut off. */
function formatHeader({ name, value }: Header): string {
  const safe = value
    .replaceAll(
      /[^\x21-\x7e]|[%\]|\\"<>^`{}#?]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .replaceAll(/\/(?=\.)/g, '%2F');
  return `[${name}=${safe}]`;
}

/** Formats a directive with its conditions, as it appears after `/~`. */
export function formatDirective(directive: Directive): string {
  return (
    formatBehaviour(directive) + directive.conditions.map((condition) => `:${formatCondition(condition)}`).join('')
  );
}

function formatBehaviour(directive: Directive): string {
  switch (directive.kind) {
    case 'delay':
      return `delay=${formatDelay(directive.delay)}`;
    case 'status':
      return `status=${directive.status}`;
    case 'grpc-status':
      return `grpc-status=${directive.grpcStatus}`;
    case 'close':
    case 'hang':
      return directive.kind;
    case 'size':
    case 'memory':
      return `${directive.kind}=${formatSizeBytes(directive.bytes)}`;
    case 'body':
      return `body=${encodeURIComponent(directive.text).replaceAll('(', '%28').replaceAll(')', '%29')}`;
    case 'header':
      return `header${formatHeader(directive.header)}`;
    case 'trailer':
      return `trailer${formatHeader(directive.header)}`;
    case 'chunks':
    case 'events':
      return `${directive.kind}=${directive.count}/${formatDurationMs(directive.intervalMs)}`;
    case 'cpu':
      return `cpu=${formatDurationMs(directive.durationMs)}`;
  }
}

function formatDelay(delay: Delay): string {
  switch (delay.kind) {
    case 'fixed':
      return formatDurationMs(delay.delayMs);
    case 'uniform':
      return `${formatDurationMs(delay.minMs)}-${formatDurationMs(delay.maxMs)}`;
    case 'percentiles':
      return delay.points.map(({ percentile, delayMs }) => `p${percentile}=${formatDurationMs(delayMs)}`).join(',');
  }
}

function formatCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'share':
      return String(condition.share);
    case 'one-in':
      return `${condition.hits}in${condition.of}`;
    case 'attempt-below':
      return `attempt<${condition.attempt}`;
    case 'attempt':
      return `attempt=${condition.attempt}`;
    case 'version':
      return `version=${condition.version}`;
    case 'pod':
      return `pod=${condition.pod}`;
    case 'zone':
      return `zone=${condition.zone}`;
  }
}
