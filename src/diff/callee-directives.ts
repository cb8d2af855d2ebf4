import type { CalleeFailure, Probe } from './probe.ts';

/** Value of the headers that a callee sends for a route that removes or changes them. */
const sentHeaderValue = 'probe';

/** Returns the directives that the callee of a probe must follow; undefined for none. */
export function calleeDirectives({ mode }: Pick<Probe, 'mode'>): string | undefined {
  switch (mode.kind) {
    case 'plain':
    case 'shares':
    case 'delayed':
      return undefined;
    case 'answer_headers':
      return mode.names.map((name) => `/~header[${name}=${sentHeaderValue}]`).join('') || undefined;
    case 'slow':
    case 'burst':
      return `/~delay=${mode.delayMs}ms`;
    case 'failing':
    case 'ejection':
      return failureDirective(mode.failure);
  }
}

function failureDirective(failure: CalleeFailure): string {
  switch (failure.kind) {
    case 'status':
      return `/~status=${failure.status}`;
    case 'grpc_status':
      return `/~grpc-status=${failure.status}`;
    case 'reset':
      return `/~close:attempt<${failure.attempts + 1}`;
  }
}
