import type { DifferenceKind } from '../difference.ts';
import { type ChangedPart, type FieldPath, fieldValue, isRecord } from './changed-parts.ts';

/** Fields and kinds of objects that may cause a kind of difference. */
interface CauseHint {
  readonly fields: RegExp;
  /** Kinds of objects that are more likely than others. */
  readonly kinds: RegExp;
  /** True if a field of this name alone is the cause, and not the whole part around it. */
  readonly isSpecific: boolean;
}

const routes = /^(?:VirtualService|HTTPRoute|GRPCRoute|TCPRoute|TLSRoute)$/;
const policies = /^(?:AuthorizationPolicy|RequestAuthentication)$/;
const connections = /^(?:PeerAuthentication|DestinationRule)$/;

const access: CauseHint = {
  fields:
    /^(?:rules|action|selector|targetRefs?|mtls|portLevelMtls|jwtRules|exportTo|hosts?|hostnames|servers|subsets|egress|ports|match(?:es)?|gateways|parentRefs|resolution|location|workloadSelector|serviceAccountName|route|backendRefs|delegate|labels|tls|sidecar\.istio\.io\/inject|directResponse|redirect)$/,
  kinds: policies,
  isSpecific: false,
};

const destination: CauseHint = {
  fields:
    /^(?:route|subsets|match(?:es)?|labels|selector|backendRefs|hosts?|hostnames|delegate|weight|gateways|rules|redirect|directResponse|filters)$/,
  kinds: routes,
  isSpecific: false,
};

function field(fields: RegExp, kinds: RegExp): CauseHint {
  return { fields, kinds, isSpecific: true };
}

const hints: Readonly<Record<DifferenceKind, CauseHint>> = {
  refused: access,
  allowed: access,
  refusal: access,
  status: access,
  destination,
  version: destination,
  share: {
    fields: /^(?:weight|route|backendRefs|subsets|labels|replicas|localityLbSetting|loadBalancer|selector)$/,
    kinds: routes,
    isSpecific: false,
  },
  redirect: field(/^(?:redirect|filters|httpsRedirect)$/, routes),
  direct_answer: field(/^directResponse$/, routes),
  fault: field(/^fault$/, routes),
  timeout: field(/^(?:timeouts?|perTryTimeout)$/, routes),
  retries: field(/^retr(?:y|ies)$/, routes),
  attempts: field(/^retr(?:y|ies)$/, routes),
  limit: field(/^(?:connectionPool|configPatches)$/, connections),
  outlier_detection: field(/^outlierDetection$/, connections),
  mirror: field(/^(?:mirrors?|mirrorPercentage|mirror_percent|filters)$/, routes),
  mtls: field(/^(?:mtls|portLevelMtls|tls|sidecar\.istio\.io\/inject)$/, connections),
  identity: field(/^(?:serviceAccountName|mtls|portLevelMtls|tls)$/, connections),
  server_name: field(/^(?:sni|tls)$/, connections),
  certificate: field(/^(?:credentialName|clientCertificate|tls)$/, connections),
  path: field(/^(?:rewrite|filters)$/, routes),
  method: { ...destination, fields: /^method$/ },
  authority: field(/^(?:rewrite|authority|headers|filters)$/, routes),
  request_header: field(
    /^(?:headers|filters|outputPayloadToHeader|outputClaimToHeaders|forwardOriginalToken)$/,
    routes,
  ),
  answer_header: field(/^(?:headers|filters|corsPolicy)$/, routes),
};

/** Reports whether objects of a kind are the usual cause of a kind of difference. */
export function isUsualKind(kind: DifferenceKind, objectKind: string): boolean {
  return hints[kind].kinds.test(objectKind);
}

/**
 * Returns the changed parts with a field that may cause a kind of difference, each cut to this field if it alone is the cause.
 *
 * @param valueAt returns the value at a path of a side
 */
export function likelyParts(
  kind: DifferenceKind,
  parts: readonly ChangedPart[],
  valueAt: (side: ChangedPart['side'], path: FieldPath) => unknown,
): ChangedPart[] {
  const { fields, isSpecific } = hints[kind];
  return parts.flatMap((part): ChangedPart[] => {
    if (part.path.some((key) => fields.test(key))) return [part];
    if (!part.isWhole) return [];
    const found = pathsInside(valueAt(part.side, part.path), fields);
    if (found.length === 0) return [];
    return isSpecific ? found.map((path) => ({ ...part, path: [...part.path, ...path] })) : [part];
  });
}

/** Returns the paths of the outermost fields with a name. */
function pathsInside(value: unknown, fields: RegExp): FieldPath[] {
  if (!Array.isArray(value) && !isRecord(value)) return [];
  return Object.keys(value).flatMap((key): FieldPath[] =>
    fields.test(key) ? [[key]] : pathsInside(fieldValue(value, [key]), fields).map((path) => [key, ...path]),
  );
}
