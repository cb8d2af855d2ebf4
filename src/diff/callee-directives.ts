import type { CalleeFailure, Probe } from './model.ts';

/** Returns the directives that the callee of a probe must follow; undefined for none. */
export function calleeDirectives({ mode }: Probe): string | undefined {
  switch (mode.kind) {
    case 'plain':
    case 'shares':
    case 'delayed':
      return undefined;
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
      return '/~close';
  }
}
