import {
  authorityOf,
  type Call,
  type CallsPlan,
  type Condition,
  type Delay,
  type Directive,
  defaultPorts,
  type Header,
  type Plan,
} from './plan.ts';
import { formatDurationMs, formatSizeBytes } from './quantity.ts';

/** Writes a plan as its canonical path: `parsePath` reads it back as an equal plan. */
export function formatPath(plan: Plan): string {
  let path = '';
  let rest: Plan | undefined = plan;
  while (rest !== undefined) {
    path += rest.directives.map((directive) => `/~${formatDirective(directive)}`).join('');
    if (rest.kind === 'answer') return path + rest.uri;
    path += `/@${formatStages(rest)}`;
    rest = rest.then;
  }
  return path;
}

function formatStages(plan: CallsPlan): string {
  return plan.stages.map((stage) => stage.map(formatCall).join('|')).join(',');
}

function formatCall(call: Call): string {
  const scheme = call.scheme === 'http' && !isScheme(call) ? '' : `${call.scheme}:`;
  const authority = authorityOf(call);
  const target = call.port === defaultPorts[call.scheme] ? authority.slice(0, authority.lastIndexOf(':')) : authority;
  const times = call.times === 1 ? '' : `*${call.times}`;
  const { timeoutMs, method, retries, concurrency } = call.options;
  const options = [
    timeoutMs === undefined ? '' : `;timeout=${formatDurationMs(timeoutMs)}`,
    method === undefined ? '' : `;method=${method}`,
    retries === undefined ? '' : `;retries=${retries}`,
    concurrency === undefined ? '' : `;concurrency=${concurrency}`,
  ];
  const then = call.then === undefined ? '' : `(${formatPath(call.then)})`;
  return scheme + target + times + call.headers.map(formatHeader).join('') + options.join('') + then;
}

/** A host named like a scheme needs the scheme in front as soon as a port follows it. */
function isScheme({ host, port }: Call): boolean {
  return Object.hasOwn(defaultPorts, host) && port !== defaultPorts.http;
}

/** Encoded is what would end the value, and what proxies on the way rewrite (`|`, a dot segment) or cut off. */
function formatHeader({ name, value }: Header): string {
  const safe = value
    .replaceAll(
      /[^\x21-\x7e]|[%\]|\\"<>^`{}#?]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .replaceAll(/\/(?=\.)/g, '%2F');
  return `[${name}=${safe}]`;
}

/** Writes a directive with its conditions, as it stands behind `/~`. */
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
