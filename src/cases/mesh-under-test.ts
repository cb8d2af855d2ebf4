import type { CallRoute } from '../send/request-batch.ts';
import type { Case, CaseFile, CaseRequest, WorkloadFault } from './case.ts';
import type { Coverage } from './coverage-result.ts';
import type { RouteObserver } from './route-observer.ts';

/** State of the manifests of a file: without its change, or with it. */
export type Phase = 'before' | 'after';

/** Mesh that runs cases. */
export interface MeshUnderTest extends AsyncDisposable {
  /**
   * Applies the manifests of a file, and removes the objects of the file before.
   *
   * @returns notes for the user
   * @throws MeshmockError when the mesh refuses a manifest or fails
   */
  applyPhase(file: CaseFile, phase: Phase, signal: AbortSignal): Promise<readonly string[]>;
  /** Observer of routes; undefined if the mesh does not show them, or its file asserts none. */
  readonly routeObserver: RouteObserver | undefined;
  /** Returns what requests have not covered since the last `applyPhase`; undefined if the mesh does not show it. */
  coverage(signal: AbortSignal): Promise<Coverage | undefined>;
  /** Returns the reason why the mesh cannot run a case; undefined if it can. */
  skipReason(testCase: Case, phase: Phase): string | undefined;
  /** @throws MeshmockError `usage` when no service of the mesh can receive the request */
  callRouteOf(request: CaseRequest, signal: AbortSignal): Promise<CallRoute>;
  /**
   * Injects faults into workloads, until the result is disposed of.
   *
   * @throws MeshmockError `usage` when a workload does not exist
   */
  injectFaults(faults: readonly WorkloadFault[], signal: AbortSignal): Promise<AsyncDisposable>;
}
