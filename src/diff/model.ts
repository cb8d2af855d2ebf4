import type { Header } from '../plan/plan.ts';
import type { CallErrorCode, Counts, RefusalReason } from '../reply/reply.ts';
import type { SecretMarks } from './secret-values.ts';

/** Sender of a probe. */
export type Caller =
  /** Pod of a workload. */
  | {
      readonly kind: 'workload';
      readonly namespace: string;
      /** Name of the workload, or of its Service. */
      readonly name: string;
      readonly serviceAccount: string;
      readonly labels: Readonly<Record<string, string>>;
    }
  /** Pod without a sidecar, outside the mesh. */
  | { readonly kind: 'outside' }
  /** Client outside the mesh that sends its requests to a gateway. */
  | {
      readonly kind: 'gateway';
      /** Gateway as `NAMESPACE/NAME`. */
      readonly gateway: string;
      /** Host that the client asks for. */
      readonly host: string;
      readonly port: number;
      readonly scheme: 'http' | 'https';
    };

/** Host and port that a probe calls. For a gateway it is the host and port of the caller. */
export interface Destination {
  /** Short name for people, such as `reviews` or `reviews.shop`. */
  readonly name: string;
  /** Host that the caller dials, such as `reviews.shop.svc.cluster.local`. */
  readonly host: string;
  readonly port: number;
  /** Workloads of the destination, as `NAMESPACE/NAME`, which do not call themselves. */
  readonly workloads: readonly string[];
}

/** Token of a request. The engine mints it with the key of the mesh's own key server. */
export interface TokenClaims {
  /** `valid`, or what is wrong with the token. */
  readonly state: 'valid' | 'expired' | 'wrong_signature';
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Other claims. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Place of the token in the request. */
  readonly place:
    | { readonly kind: 'header'; readonly name: string; readonly prefix: string }
    | { readonly kind: 'parameter'; readonly name: string }
    | { readonly kind: 'cookie'; readonly name: string };
}

/** Request of a probe. */
export interface ProbeRequest {
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly method: string;
  /** Path with the query, as sent. Over gRPC it is `/SERVICE/METHOD`. */
  readonly path: string;
  /** Authority, if it is not that of the destination. */
  readonly authority: string | undefined;
  /** Headers in lower case; a name may occur more than once. */
  readonly headers: readonly Header[];
  readonly token: TokenClaims | undefined;
}

/** Way in which a probe is sent: how often, and with which behaviour of the callee. */
export type ProbeMode =
  /** One request. */
  | { readonly kind: 'plain'; readonly byChance: ChancePart; readonly chanceHeaders?: ChanceHeaders }
  /** The callee answers after a delay. */
  | {
      readonly kind: 'slow';
      readonly delayMs: number;
      /** Finite timeouts in the configuration of both sides, in milliseconds. Times are compared only with these. */
      readonly timeoutsMs: readonly number[];
      /**
       * Timeout of the route on each side, in milliseconds, if it is longer than the delay, so that the answer of the callee
       * arrives before it.
       */
      readonly longerMs: { readonly before: number | undefined; readonly after: number | undefined };
    }
  /** The proxy delays requests, which shows in the times of several of them. */
  | {
      readonly kind: 'delayed';
      readonly count: number;
      /** Delays in the configuration of both sides, in milliseconds. */
      readonly delaysMs: readonly number[];
      /** True if all requests are delayed or none, on each side. */
      readonly isCertain: boolean;
    }
  /** The callee fails each attempt, and the attempts are counted. */
  | { readonly kind: 'failing'; readonly failure: CalleeFailure }
  /** The callee answers with headers, and its whole answer is shown: what proxies do to the headers of answers shows. */
  | {
      readonly kind: 'answer_headers';
      /** Headers that the callee sends, in lower case. */
      readonly names: readonly string[];
      /** Number of requests, so that each destination that chance chooses gets some. */
      readonly count: number;
      readonly chanceHeaders?: ChanceHeaders;
    }
  /** The request is sent many times, to count the parts of a route. */
  | {
      readonly kind: 'shares';
      readonly count: number;
      /** Shares in the configuration of both sides, in percent: a share that was counted is shown as one near it. */
      readonly configured: readonly number[];
      readonly chanceHeaders?: ChanceHeaders;
    }
  /** The callee is slow, and many requests arrive at once: limits of connections and requests show. */
  | { readonly kind: 'burst'; readonly count: number; readonly delayMs: number }
  /** One pod of the callee fails, and requests follow one after another: ejection of pods shows. */
  | { readonly kind: 'ejection'; readonly count: number; readonly failure: CalleeFailure };

/**
 * Part of an answer that chance decides, and which one request does not show: `destination` if there are several
 * versions or services, `answer` if faults are injected into a part of the requests.
 */
export type ChancePart = 'nothing' | 'destination' | 'answer';

/** Names of headers that chance chooses, in lower case: their values are not compared. `host` is the authority too. */
export interface ChanceHeaders {
  readonly requests: readonly string[];
  readonly answers: readonly string[];
}

/** Failure of a callee for each attempt of a probe. */
export type CalleeFailure =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'grpc_status'; readonly status: string }
  /** The callee ends the connections of the first attempts without an answer. */
  | { readonly kind: 'reset'; readonly attempts: number };

/** Condition of a route, rule or requirement that a probe satisfies, or just misses. */
export interface ProbeCondition {
  /** Condition as people read it, such as `end-user=jason` or `POST` or `/details/*`. */
  readonly text: string;
  /** Text for reports, if the condition has a secret value; undefined if reports show the condition itself. */
  readonly shown?: string;
  readonly isSatisfied: boolean;
  /** Part of the request that the condition is about. Conditions of one aspect are shown in this order. */
  readonly aspect: ConditionAspect;
}

/** Parts of a request that conditions are about, in the order in which they are shown. */
export const conditionAspects = ['authority', 'method', 'path', 'header', 'query', 'token', 'port', 'other'] as const;

export type ConditionAspect = (typeof conditionAspects)[number];

/** A request to make on both sides, for a class of requests that the conditions of both sides do not distinguish. */
export interface Probe {
  /** Text that is unique in a run. */
  readonly id: string;
  readonly caller: Caller;
  readonly destination: Destination;
  readonly request: ProbeRequest;
  readonly mode: ProbeMode;
  /**
   * Key of the routes of both sides that the request takes. A probe that is not plain speaks for all requests with the
   * same key.
   */
  readonly routes: string;
  /** Callers whose probe would be the same, with `caller` among them. */
  readonly speaksFor: readonly Caller[];
  /** Conditions of both sides, with the truth of each for this request: they name its class. */
  readonly conditions: readonly ProbeCondition[];
  /** Objects and places in Envoy's configuration of both sides that decide about this request, as far as they are known. */
  readonly causes: readonly Cause[];
}

/** Answer to one request, as far as two snapshots are compared. */
export type ObservedAnswer =
  /** A mock answered. */
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly namespace: string | undefined;
      readonly version: string | undefined;
    }
  /** A proxy refused the request. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly by: RefusedBy }
  /** A proxy answered with a redirect. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** A proxy answered with a body of its configuration. */
  | { readonly kind: 'direct'; readonly body: string }
  /** Another server answered, such as a host outside the mesh. */
  | { readonly kind: 'foreign' }
  /** There was no answer. */
  | { readonly kind: 'none'; readonly code: CallErrorCode };

/** Proxy that refused a request; `unknown` if the evidence does not say. */
export type RefusedBy = 'caller' | 'callee' | 'gateway' | 'waypoint' | 'unknown';

/** Request as the callee received it, without the headers that differ between two equal requests. */
export interface ReceivedCopy {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
  /** True if the callee's proxy saw mutual TLS; undefined if it is not known. */
  readonly isMutualTls: boolean | undefined;
  /** Identity of the caller that the callee's proxy saw. */
  readonly identity: string | undefined;
  /** Facts of TLS that the callee itself ended; undefined if it did not. */
  readonly tls: ReceivedTls | undefined;
}

/** Names that a client showed in TLS; undefined if it showed none. */
export interface ReceivedTls {
  readonly serverName: string | undefined;
  readonly certificate: string | undefined;
}

/** Requests of a probe that had the same outcome. */
export interface Outcome {
  readonly count: number;
  readonly answer: ObservedAnswer;
  /** HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
  /** Undefined if no mock answered. */
  readonly received: ReceivedCopy | undefined;
  /**
   * Headers of the answer, without those that differ between two equal answers. Undefined if they are not shown, as
   * those of a mock's reply to another mock.
   */
  readonly answerHeaders: Readonly<Record<string, string>> | undefined;
}

/** Requests that a probe has caused at a destination, besides the answer. */
export interface MirroredCopies {
  readonly service: string;
  readonly version: string | undefined;
  readonly count: number;
}

/** Everything that was seen of one probe on one side. */
export interface Observation {
  readonly probeId: string;
  /** Different outcomes; one only, unless the requests are shared between destinations. */
  readonly outcomes: readonly Outcome[];
  /** Pods that answered, with the number of answers. */
  readonly pods: Counts;
  /** Copies of the requests at other services. */
  readonly mirrors: readonly MirroredCopies[];
  /** Number of attempts that arrived at the callee for one request; undefined if not counted. */
  readonly attempts: number | undefined;
  /** Time of the slowest request, in milliseconds. */
  readonly durationMs: number;
  /** Times of all requests, in milliseconds. */
  readonly durationsMs: readonly number[];
  /** Commands and trees for `--explain`. */
  readonly evidence: ObservationEvidence;
}

/** Texts that show an observation to a person. */
export interface ObservationEvidence {
  /** Tree of the answer, with its lines. */
  readonly tree: string;
  /** Command that repeats the request. */
  readonly command: string;
}

/** Severities of differences, the worst first. */
export const severities = [
  'refused',
  'allowed',
  'destination',
  'share',
  'resilience',
  'request',
  'answer',
  'cosmetic',
] as const;

/**
 * Severity of a difference: newly refused or unreachable, newly allowed, another destination, another share, other
 * timeouts, retries, faults and limits, another request at the callee, another answer, and the rest.
 */
export type Severity = (typeof severities)[number];

/** Kinds of differences. */
const differenceKinds = [
  'refused',
  'allowed',
  'refusal',
  'status',
  'destination',
  'version',
  'share',
  'redirect',
  'direct_answer',
  'fault',
  'timeout',
  'retries',
  'attempts',
  'limit',
  'outlier_detection',
  'mirror',
  'mtls',
  'identity',
  'server_name',
  'certificate',
  'path',
  'method',
  'authority',
  'request_header',
  'answer_header',
] as const;

export type DifferenceKind = (typeof differenceKinds)[number];

/** Object and place in it that caused a difference. */
export interface Cause {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Path of a field, such as `http[0].timeout`. */
  readonly place: string | undefined;
  /** Place in a file, as `FILE:LINE`, if the engine knows it. */
  readonly where: string | undefined;
  /** Values at the place on both sides, if the engine knows them. */
  readonly change?: FieldChange | undefined;
}

/** Values of a field, or whether an object exists, before and after a change. */
export interface FieldChange {
  readonly before: FieldState;
  readonly after: FieldState;
}

/** State of a field on one side. A value is `hidden` if it is secret, or if it is a whole object. */
export type FieldState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'hidden' }
  | { readonly kind: 'value'; readonly value: unknown };

/** One difference of one probe. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly severity: Severity;
  readonly probe: Probe;
  /** Behaviour before, in a few words, such as `200 details v1`. */
  readonly from: string;
  /** Behaviour after. */
  readonly to: string;
  readonly cause: Cause | undefined;
}

/** Something that requests cannot show or that could not be made, with the reason. */
export interface NotCompared {
  /** Subject, such as an edge, a condition or an object. */
  readonly subject: string;
  readonly reason: string;
}

/** Numbers for the first line of a report. */
export interface ComparisonCounts {
  /** Number of all edges of the mesh, by a caller and a host; of running meshes, those with requests that were compared. */
  readonly edges: number;
  /** Number of those whose configuration differs; undefined for running meshes, which do not show it. */
  readonly changedEdges: number | undefined;
  /** Number of hosts at the ports of gateways. */
  readonly gateways: number;
  readonly changedGateways: number | undefined;
  readonly requests: number;
}

/** Edges to one destination, or one host at a gateway, whose configuration differs. */
export interface ChangedEdges {
  /** Callers and destination, such as `web, cart → stock`. */
  readonly edge: string;
  /** Number of edges: each has one caller. */
  readonly count: number;
  /** True if a request to them differs. */
  readonly differs: boolean;
}

/** Everything that a report shows. */
export interface Comparison {
  /** Texts in the place of secrets. */
  readonly secrets: SecretMarks;
  readonly counts: ComparisonCounts;
  /** Edges and hosts at gateways whose configuration differs; none for running meshes, which do not show it. */
  readonly changedEdges: readonly ChangedEdges[];
  /** All workloads of the mesh that may call, those without probes too: the report says "all callers" only of all. */
  readonly callers: readonly Caller[];
  /** All probes that were compared, the equal ones too: the report says "any" only if all of an edge differ. */
  readonly probes: readonly Probe[];
  readonly differences: readonly Difference[];
  readonly notCompared: readonly NotCompared[];
  /** Warnings about NEW that OLD does not have, with places in files: they often explain a difference. */
  readonly warnings: readonly string[];
  /** Time of each phase, in milliseconds, in order. */
  readonly phases: readonly { readonly name: string; readonly durationMs: number }[];
  /** Observations of both sides by the id of their probe, for `--explain` and for written cases. */
  readonly observations: ReadonlyMap<string, { readonly before: Observation; readonly after: Observation }>;
}
