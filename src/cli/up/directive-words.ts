import { formatDirective } from '../../plan/format.ts';
import type { Condition, Directive } from '../../plan/plan.ts';

/**
 * Returns a directive in words.
 *
 * @example
 * directiveWords({ kind: 'status', status: 503, conditions: [{ kind: 'share', share: 0.1 }] }); // 'answers with 503, for 10 % of the calls'
 */
export function directiveWords(directive: Directive): string {
  return [behaviourWords(directive), ...directive.conditions.map(conditionWords)].join(', ');
}

/** Reports whether a directive makes calls fail. */
export function canFail(directive: Directive): boolean {
  switch (directive.kind) {
    case 'status':
      return directive.status >= 400;
    case 'grpc-status':
      return directive.grpcStatus !== 'OK';
    case 'close':
    case 'hang':
      return true;
    case 'delay':
    case 'size':
    case 'body':
    case 'header':
    case 'chunks':
    case 'events':
    case 'trailer':
    case 'cpu':
    case 'memory':
      return false;
  }
}

function behaviourWords(directive: Directive): string {
  const value = formatDirective({ ...directive, conditions: [] }).replace(/^[a-z-]+=?/, '');
  switch (directive.kind) {
    case 'delay':
      return `waits ${value} before it answers`;
    case 'status':
      return `answers with ${directive.status}`;
    case 'grpc-status':
      return `answers with the gRPC status ${directive.grpcStatus}`;
    case 'close':
      return 'cuts the connection, without an answer';
    case 'hang':
      return 'does not answer';
    case 'size':
      return `answers with a body of ${value}`;
    case 'body':
      return `answers with the body “${directive.text}”`;
    case 'header':
    case 'trailer':
      return `answers with the ${directive.kind} ${directive.header.name}: ${directive.header.value}`;
    case 'chunks':
    case 'events':
      return `answers in ${directive.kind}: ${value}`;
    case 'cpu':
      return `computes for ${value}`;
    case 'memory':
      return `takes ${value} of memory`;
  }
}

function conditionWords(condition: Condition): string {
  switch (condition.kind) {
    case 'share':
      return `for ${Number((100 * condition.share).toPrecision(6))} % of the calls`;
    case 'one-in':
      return `for ${condition.hits} of ${condition.of} calls`;
    case 'attempt-below':
      return `if the attempt is below ${condition.attempt}`;
    case 'attempt':
      return `if it is attempt ${condition.attempt}`;
    case 'version':
      return `if its version is ${condition.version}`;
    case 'pod':
      return `if its pod is ${condition.pod}`;
    case 'zone':
      return `if its zone is ${condition.zone}`;
  }
}
