import type { CallRoute } from '../send/request-batch.ts';
import type { Case, CaseFile, WorkloadFault } from './case.ts';
import type { Coverage } from './finding.ts';
import type { RouteObserver } from './route-observer.ts';

/** Which manifests of a file are there: those without its change, or all. */
export type Phase = 'before' | 'after';

/** A mesh that cases are tried on. */
export interface MeshUnderTest extends AsyncDisposable {
  /**
   * Makes it have the manifests of a file.
   *
   * @returns what somebody should know of them
   * @throws MeshmockError `usage` when something is refused
   */
  applyPhase(file: CaseFile, phase: Phase, signal: AbortSignal): Promise<readonly string[]>;
  /** How routes are seen, where that can be done: once it has the manifests of a file. */
  readonly routeObserver: RouteObserver | undefined;
  /**
   * What no request has met of the manifests that it has, since it became so; nothing where nobody can tell.
   */
  coverage(signal: AbortSignal): Promise<Coverage | undefined>;
  /** Why a case cannot be tried on it, if so. */
  skipReason(testCase: Case, phase: Phase): string | undefined;
  /** @throws MeshmockError `usage` when there is no service that could begin it */
  callRouteOf(testCase: Case): CallRoute;
  /**
   * Makes workloads sick, until what it gives is disposed of.
   *
   * @throws MeshmockError `usage` when there are no such workloads
   */
  injectFaults(given: readonly WorkloadFault[], signal: AbortSignal): Promise<AsyncDisposable>;
}
