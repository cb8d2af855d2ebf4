import type { Expectation } from '../expect/expectation.ts';
import type { Header, Plan } from '../plan/plan.ts';
import type { AssertedRoute } from './asserted-route.ts';

/** A file of cases of one kind, and the manifests of the mesh that they test. */
export interface CaseFile<C extends Case = Case> {
  /** Path of the file, as the command line gives it. */
  readonly name: string;
  /** Files and folders of the manifests that the mesh has from its start. */
  readonly manifests: readonly string[];
  /** Files and folders of the change that the cases test. */
  readonly change: readonly string[];
  /** Namespace of objects that name none. */
  readonly namespace: string;
  /** Path of the mesh configuration; undefined if the file names none. */
  readonly meshConfig: string | undefined;
  /** True if destinations without a workload get a mock. */
  readonly fill: boolean;
  /** Cases that pass without the change and fail with it. */
  readonly before: readonly C[];
  /** Cases that pass with the change and fail without it. */
  readonly cases: readonly C[];
  /** Cases that pass with and without the change. */
  readonly always: readonly C[];
}

/** One test of a mesh. */
export type Case = ExpectationCase | RouteCase;

interface CaseBase {
  readonly name: string;
  /** Place of the case, as `FILE:LINE:COLUMN`. */
  readonly where: string;
  /** Timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
  /** Time for which a case that fails is tried again, in milliseconds. */
  readonly retryUntilMs: number;
}

/** A request with a plan, and the expectations about its answers. */
export interface ExpectationCase extends CaseBase {
  readonly kind: 'expectations';
  /** Service or gateway that receives the request; the first service of the mesh if not given. */
  readonly from: string | undefined;
  readonly protocol: 'http' | 'grpc';
  /** Host of the request; its address if not given. */
  readonly host: string | undefined;
  readonly method: string;
  readonly plan: Plan;
  readonly headers: readonly Header[];
  readonly repeat: number;
  /** Maximum number of requests at the same time. */
  readonly concurrency: number;
  readonly expectations: readonly Expectation[];
  /** Faults of workloads while the case runs. */
  readonly faults: readonly WorkloadFault[];
}

/** A request, and the route that it must take. It comes from a file of istio-config-validator. */
export interface RouteCase extends CaseBase {
  readonly kind: 'route';
  readonly asserted: AssertedRoute;
}

/** A fault of a workload while a case runs. */
export type WorkloadFault =
  /** A service follows these directives for every request. */
  | { readonly kind: 'behaviour'; readonly service: string; readonly directives: string }
  /** A workload has this number of pods. */
  | { readonly kind: 'replicas'; readonly workload: string; readonly replicas: number };

/** Reports whether the cases of a file assert routes. */
export function assertsRoutes({ before, cases, always }: CaseFile): boolean {
  return [before, cases, always].some((list) => list.some(({ kind }) => kind === 'route'));
}
