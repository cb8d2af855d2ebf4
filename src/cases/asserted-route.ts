import type { Header } from '../plan/plan.ts';
import type { RouterResult } from './router-result.ts';

/** A request, and the route that a file of istio-config-validator asserts for it. */
export interface AssertedRoute {
  readonly request: AssertedRequest;
  /** True if each assertion must hold; false if each must fail. */
  readonly wantMatch: boolean;
  readonly route: readonly RouteDestination[] | undefined;
  readonly redirect: Redirect | undefined;
  readonly rewrite: Rewrite | undefined;
  readonly fault: Fault | undefined;
  readonly headers: HeaderChanges | undefined;
  readonly delegate: Delegate | undefined;
  /** Result in the form of Envoy's route table check tool. */
  readonly result: RouterResult | undefined;
}

export interface AssertedRequest {
  readonly authority: string;
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
}

export interface RouteDestination {
  readonly host: string;
  readonly port: number | undefined;
  readonly subset: string | undefined;
  /** Weight from 0 to 100. Shares are in proportion to the weights. */
  readonly weight: number | undefined;
  readonly headers: HeaderChanges | undefined;
}

export interface Redirect {
  readonly uri: string | undefined;
  readonly authority: string | undefined;
  readonly scheme: string | undefined;
  readonly port: number | undefined;
  readonly status: number;
}

export interface Rewrite {
  readonly uri: string | undefined;
  readonly authority: string | undefined;
  readonly regex: { readonly match: string; readonly rewrite: string } | undefined;
}

export interface Fault {
  readonly delay: { readonly delayMs: number; readonly percent: number } | undefined;
  readonly abort: { readonly status: AbortStatus; readonly percent: number } | undefined;
}

export type AbortStatus =
  | { readonly kind: 'http'; readonly status: number }
  | { readonly kind: 'grpc'; readonly status: string };

/** Changes to the headers of a request and of its response. */
export interface HeaderChanges {
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
}

export interface HeaderOperations {
  readonly set: readonly Header[];
  readonly add: readonly Header[];
  readonly remove: readonly string[];
}

export interface Delegate {
  readonly name: string;
  /** Namespace of the delegate; the namespace of the VirtualService that delegates if not given. */
  readonly namespace: string | undefined;
}
