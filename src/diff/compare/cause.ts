import type { Cause, DifferenceKind } from '../model.ts';

const policyKinds = new Set(['AuthorizationPolicy', 'RequestAuthentication']);

/** Returns the cause of a kind of difference among those of a probe, with the field that a timeout or a retry has. */
export function causeOf(kind: DifferenceKind, causes: readonly Cause[]): Cause | undefined {
  const isPolicy = (cause: Cause): boolean => policyKinds.has(cause.kind);
  const isConnection = (cause: Cause): boolean =>
    cause.kind === 'PeerAuthentication' || cause.kind === 'DestinationRule';
  switch (kind) {
    case 'refused':
    case 'allowed':
    case 'refusal':
      return causes.find(isPolicy) ?? causes[0];
    case 'mtls':
    case 'identity':
    case 'limit':
    case 'outlier_detection':
      return causes.find(isConnection) ?? causes[0];
    case 'timeout':
      return withField(routeCause(causes), 'timeout');
    case 'retries':
    case 'attempts':
      return withField(routeCause(causes), 'retries');
    default:
      return routeCause(causes);
  }
}

function routeCause(causes: readonly Cause[]): Cause | undefined {
  return causes.find(({ kind }) => /^(?:VirtualService|HTTPRoute|GRPCRoute)$/.test(kind)) ?? causes[0];
}

/** Adds a field to a place in a VirtualService. */
function withField(cause: Cause | undefined, field: string): Cause | undefined {
  if (cause?.kind !== 'VirtualService' || cause.place === undefined) return cause;
  return { ...cause, place: `${cause.place}.${field}` };
}
