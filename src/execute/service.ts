import type { Directive, PlanLimits } from '../plan/plan.ts';
import type { Identity, Protocol, ReceivedRequest } from '../reply/reply.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { Client } from './client.ts';
import type { Dialler } from './connect-to.ts';
import type { DirectiveResources } from './directives/apply-directives.ts';
import type { HeaderForwarder } from './forwarded-headers.ts';
import type { Role } from './octopus.ts';

/** What all requests of one service share. */
export interface Service extends DirectiveResources {
  readonly identity: Identity;
  readonly limits: PlanLimits;
  readonly role: Role;
  /** What it does with every request, before what the request asks for. */
  behaviour: readonly Directive[];
  readonly forwarder: HeaderForwarder;
  readonly dialler: Dialler;
  readonly clients: Readonly<Record<Protocol, Client>>;
  readonly tracing: Tracing;
  /** Where gRPC listens, once it does. */
  readonly grpcPort: () => number;
  /** Told of every request when it is answered. */
  readonly onAnswer: (answered: Answered) => void;
}

/** One request, for the log. */
export interface Answered {
  readonly request: ReceivedRequest;
  /** Absent when the connection was reset instead. */
  readonly status?: number;
  readonly durationMs: number;
  readonly traceId: string | undefined;
  readonly requestId: string;
  /** What went wrong here: an error of the request, or calls that nobody answered. */
  readonly problem: string | undefined;
}

/** The value of `x-meshmock`. */
export function signature({ service, version }: Identity): string {
  return `${service}/${version}`;
}
