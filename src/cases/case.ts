import type { SourcePlace } from '../error/text-place.ts';
import type { ClientTls } from '../execute/client.ts';
import type { Expectation } from '../expect/expectation.ts';
import type { Header, Plan, Scheme } from '../plan/plan.ts';
import type { AssertedRoute } from './asserted-route.ts';
import type { Capture } from './captures.ts';

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
  /** Names of services and workloads in the file. */
  readonly names: readonly NamedPart[];
  /** Cases that pass without the change and fail with it. */
  readonly before: readonly C[];
  /** Cases that pass with the change and fail without it. */
  readonly cases: readonly C[];
  /** Cases that pass with and without the change. */
  readonly always: readonly C[];
}

/** Name in a file of cases that must be one of the mesh. */
export interface NamedPart {
  /** `entry` receives a request, `service` gets directives or is not ready, `workload` gets another number of pods. */
  readonly kind: 'entry' | 'service' | 'workload';
  readonly name: string;
  readonly place: SourcePlace;
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
export interface CaseRequest {
  /**
   * Service, workload or gateway that receives the request, or `outside` for a pod without a sidecar. If not given, a gateway
   * of the URL, or the first service of the mesh.
   */
  readonly from: string | undefined;
  /** URL of the request at a gateway; undefined if the service of `from` receives it. */
  readonly url: RequestUrl | undefined;
  readonly protocol: 'http' | 'grpc';
  /** Host of the request; its address if not given. */
  readonly host: string | undefined;
  readonly method: string;
  readonly plan: Plan;
  readonly headers: readonly Header[];
  /** Body of an HTTP request. */
  readonly data: string | undefined;
  readonly repeat: number;
  /** Maximum number of requests at the same time. */
  readonly concurrency: number;
  /** Timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
  readonly expectations: readonly Expectation[];
  /** Certificates for a gateway that speaks TLS. */
  readonly tls: ClientTls;
  /** Values of the answer for later requests of the case. */
  readonly captures: readonly Capture[];
}

/** URL of a request, without its path, which is the plan. */
export interface RequestUrl {
  readonly scheme: Exclude<Scheme, 'tcp'>;
  readonly host: string;
  readonly port: number;
}

/** One request, or several one after another. */
export interface ExpectationCase extends CaseBase, CaseRequest {
  readonly kind: 'expectations';
  /** Requests that follow if the expectations before them hold. */
  readonly then: readonly CaseStep[];
  /** Faults of workloads while the case runs. */
  readonly faults: readonly WorkloadFault[];
}

/** Further request of a case. */
export interface CaseStep {
  /** The request with any texts in the place of captured values. */
  readonly sample: CaseRequest;
  /**
   * Returns the request, with the values that earlier answers had.
   *
   * @throws MeshmockError `usage` if a value makes a field invalid
   */
  readonly requestWith: (captured: ReadonlyMap<string, string>) => CaseRequest;
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
  /** The pods of a service are not ready, so that nothing is routed to them. */
  | { readonly kind: 'not_ready'; readonly service: string }
  /** A workload has this number of pods. */
  | { readonly kind: 'replicas'; readonly workload: string; readonly replicas: number };

/** Name in `from` of a pod without a sidecar, which is made for the run. */
export const outsideName = 'outside';

/** Returns all cases of a file. */
export function casesOf<C extends Case>({ before, cases, always }: CaseFile<C>): readonly C[] {
  return [...before, ...cases, ...always];
}

/** Reports whether the cases of a file assert routes. */
export function assertsRoutes(file: CaseFile): boolean {
  return casesOf(file).some(({ kind }) => kind === 'route');
}
