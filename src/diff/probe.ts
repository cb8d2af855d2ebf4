import type { Header } from '../plan/plan.ts';
import type { Cause } from './cause.ts';

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
