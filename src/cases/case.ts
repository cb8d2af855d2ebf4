import type { Expectation } from '../expect/expectation.ts';
import type { Header, Plan } from '../plan/plan.ts';
import type { AssertedRoute } from './asserted-route.ts';

/** What is to hold of a mesh: its cases, and the manifests that they are about. */
export interface CaseFile {
  /** As it was named by whoever runs it. */
  readonly name: string;
  /** What is there before anything is called. */
  readonly manifests: readonly string[];
  /** The change that the cases are about. */
  readonly change: readonly string[];
  /** Of objects that say none. */
  readonly namespace: string;
  /** Whether destinations without a workload get a mock. */
  readonly fill: boolean;
  /** What holds without the change, and not with it. */
  readonly before: readonly Case[];
  /** What holds with the change, and not without it. */
  readonly cases: readonly Case[];
  /** What holds with and without it. */
  readonly always: readonly Case[];
  /** Whether each of its cases asserts a route: then what its requests enter by is made, where it is missing. */
  readonly assertsRoutes?: true;
}

/** One thing that is to hold. */
export interface Case {
  readonly name: string;
  /** `FILE:LINE:COLUMN`. */
  readonly where: string;
  /** The service, or the gateway, that begins; the first service of the mesh if not given. */
  readonly from: string | undefined;
  readonly protocol: 'http' | 'grpc';
  /** What the first request has as its host; the address if not given. */
  readonly host: string | undefined;
  readonly method: string;
  readonly plan: Plan;
  /** Of the first request. */
  readonly headers: readonly Header[];
  readonly repeat: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** How long it may take until it holds. */
  readonly retryUntilMs: number;
  readonly expectations: readonly Expectation[];
  readonly faults: readonly WorkloadFault[];
  /** In place of expectations, in a file of istio-config-validator. */
  readonly asserted?: AssertedRoute;
}

/** What is wrong with a workload while a case runs. */
export type WorkloadFault =
  /** A service does this with every request. */
  | { readonly kind: 'behaviour'; readonly service: string; readonly directives: string }
  /** A Deployment has so many pods. */
  | { readonly kind: 'replicas'; readonly deployment: string; readonly replicas: number };
