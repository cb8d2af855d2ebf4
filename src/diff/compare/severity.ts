import type { DifferenceKind, Severity } from '../difference.ts';

/** Returns the severity of a kind of difference. */
export function severityOf(kind: DifferenceKind): Severity {
  switch (kind) {
    case 'refused':
      return 'refused';
    case 'allowed':
      return 'allowed';
    case 'destination':
    case 'version':
    case 'redirect':
    case 'direct_answer':
      return 'destination';
    case 'share':
    case 'mirror':
      return 'share';
    case 'fault':
    case 'timeout':
    case 'retries':
    case 'attempts':
    case 'limit':
    case 'outlier_detection':
      return 'resilience';
    case 'mtls':
    case 'identity':
    case 'server_name':
    case 'certificate':
    case 'path':
    case 'method':
    case 'authority':
    case 'request_header':
      return 'request';
    case 'refusal':
    case 'status':
      return 'answer';
    case 'answer_header':
      return 'cosmetic';
  }
}

/** Order of severities, for sorting. */
export const severityOrder: Readonly<Record<Severity, number>> = {
  refused: 0,
  allowed: 1,
  destination: 2,
  share: 3,
  resilience: 4,
  request: 5,
  answer: 6,
  cosmetic: 7,
};
