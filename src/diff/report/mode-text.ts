import type { ProbeMode } from '../probe.ts';

/** Returns the condition that a mode adds to the requests, such as `on 503`. */
export function modeText(mode: ProbeMode): string {
  switch (mode.kind) {
    case 'plain':
    case 'shares':
    case 'delayed':
    case 'answer_headers':
      return '';
    case 'slow':
      return 'slow callee';
    case 'failing':
      return `on ${failureText(mode.failure)}`;
    case 'burst':
      return 'many at once';
    case 'ejection':
      return `one pod answers ${failureText(mode.failure)}`;
  }
}

function failureText(failure: Extract<ProbeMode, { kind: 'failing' }>['failure']): string {
  switch (failure.kind) {
    case 'status':
      return String(failure.status);
    case 'grpc_status':
      return failure.status;
    case 'reset':
      return 'reset';
  }
}

/**
 * Returns requests with the conditions that modes add, such as `/cart*  on 500, 503`.
 *
 * @param modes modes of one kind
 */
export function withModes(requests: string, modes: readonly ProbeMode[]): string {
  const [first = '', ...others] = modes.map(modeText);
  // What a timeout does to a slow callee is said by the text of the difference.
  if (first === '' || modes[0]?.kind === 'slow') return requests;
  const text = [first, ...others.map((other) => other.replace(/^on /, ''))].join(', ');
  return requests === 'any' ? text : `${requests}  ${text}`;
}
