import type { Directive, PlanLimits, Protocol, Scheme } from '../plan/plan.ts';
import type { Identity, ReceivedRequest } from '../reply/reply.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { Budgets } from './budgets/budgets.ts';
import type { Address, CallAnswer, Client } from './client.ts';
import type { Dialler } from './connect-to.ts';
import type { DirectiveResources } from './directives/apply-directives.ts';
import type { HeaderForwarder } from './forwarded-headers.ts';
import type { LoadShedder } from './overload/load-shedder.ts';
import type { KnownPlans } from './plans/known-plans.ts';
import type { Role } from './role.ts';
import type { ServicePorts } from './service-ports.ts';

/** Settings of the page that browsers get. */
export interface PageSettings {
  /** URL of a trace, with `{traceId}`. */
  readonly traceUrl?: string;
  /** URL of a graph of services, maybe with `{namespace}` and `{service}`. */
  readonly graphUrl?: string;
}

/** Identity, settings and resources of a service, which all its requests share. */
export interface Service extends DirectiveResources {
  readonly identity: Identity;
  readonly limits: PlanLimits;
  readonly role: Role;
  /** Directives for every request, before those of the request itself. They may change while the service runs. */
  behaviour: readonly Directive[];
  /** Plans of the paths that requests had before. */
  readonly plans: KnownPlans;
  readonly forwarder: HeaderForwarder;
  readonly dialler: Dialler;
  readonly servicePorts: ServicePorts;
  readonly clients: Readonly<Record<Protocol, Client>>;
  readonly tracing: Tracing;
  /** Settings of the page; undefined if browsers get JSON. */
  readonly page: PageSettings | undefined;
  /** Admission of requests before they are read. */
  readonly shedder: LoadShedder;
  readonly budgets: Budgets;
  /** Returns the port of gRPC. The server must be listening. */
  readonly grpcPort: () => number;
  /** Receives each request after its answer is made. */
  readonly onAnswer: (answered: AnsweredRequest) => void;
  /** Receives the problem of a client that cannot be served, such as TLS at a port without it. */
  readonly onUnusable: (problem: string) => void;
  /** Counter of calls, while a page of the mesh is open. It may change while the service runs. */
  traffic?: TrafficCounter | undefined;
}

/** Call that is counted. */
export interface CountedCall {
  readonly scheme: Scheme;
  readonly host: string;
  /** Address that was dialled. */
  readonly dial: Address;
}

/** Counter of the calls that a service makes and of those that reach it from outside. Durations are in milliseconds. */
export interface TrafficCounter {
  called(call: CountedCall, answer: CallAnswer, durationMs: number): void;
  /** @param status undefined if the connection was reset */
  arrived(protocol: Protocol, status: number | undefined, grpcStatus: string | undefined, durationMs: number): void;
}

/** Answered request, for the log. */
export interface AnsweredRequest {
  readonly request: ReceivedRequest;
  /** Status; absent if the connection was reset. */
  readonly status?: number;
  readonly durationMs: number;
  readonly traceId: string | undefined;
  readonly requestId: string;
  /** Error of this service, or its calls that got no answer. */
  readonly problem: string | undefined;
}

/** Returns the value of the header `x-meshmock`. */
export function signature({ service, version }: Identity): string {
  return `${service}/${version}`;
}
