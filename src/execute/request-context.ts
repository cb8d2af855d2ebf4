import type { CalledMethod } from '../plan/grpc-method.ts';
import type { Call } from '../plan/plan.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import type { Allowance } from './allowance.ts';
import type { ByteAccount } from './budgets/byte-account.ts';
import type { IncomingRequest } from './incoming.ts';
import type { Service } from './service.ts';

/** Request that a service executes, with the facts that are known on arrival. */
export interface RequestContext {
  readonly service: Service;
  readonly request: IncomingRequest;
  readonly trace: RequestTrace;
  readonly requestId: string;
  /** Number of the attempt, from 1, as the caller or its proxy reports it. */
  readonly attempt: number;
  /** Time of arrival, on the clock of `performance.now()`. */
  readonly arrivedAt: number;
}

/** Request whose plan is being executed. */
export interface PlanContext extends RequestContext {
  readonly allowance: Allowance;
  /** Maximum number of bytes that are shown of a body that is not a reply. */
  readonly shownBodyBytes: number;
  /** Account that the results of calls take their bytes from. */
  readonly account: ByteAccount;
}

/** Call of a plan, with its share of the limits. */
export interface PlannedCall {
  readonly call: Call;
  /** Canonical path of the callee's plan. */
  readonly path: string;
  /** gRPC method that the plan names. */
  readonly calledMethod: CalledMethod | undefined;
  /** Index of the stage, from 0. */
  readonly stage: number;
  /** Maximum number of calls that the callee may make, each time it is called. */
  readonly budget: number;
  /** Headers that the service forwards with each of its calls. */
  readonly forwarded: Readonly<Record<string, string>>;
}
