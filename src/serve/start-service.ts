import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { optional } from '../error/optional.ts';
import type { Dialler } from '../execute/connect-to.ts';
import { Chance } from '../execute/directives/chance.ts';
import { CpuBurner } from '../execute/directives/cpu-burner.ts';
import { MemoryHold } from '../execute/directives/memory-hold.ts';
import { HeaderForwarder } from '../execute/forwarded-headers.ts';
import type { Role } from '../execute/role.ts';
import type { Service } from '../execute/service.ts';
import { createGrpcClient } from '../grpc/client.ts';
import { createGrpcServer } from '../grpc/server.ts';
import { createHttpClient } from '../http/client.ts';
import { createHttpServer } from '../http/server.ts';
import type { ListenAddress } from '../plan/address.ts';
import type { Directive, PlanLimits } from '../plan/plan.ts';
import type { Identity } from '../reply/reply.ts';
import type { Telemetry } from '../telemetry/tracing.ts';
import { listenAll, listenGrpc, listenHttp, type MetricsServer, serveMetrics } from './listen.ts';
import type { Logger } from './logger.ts';

/** Settings of one service. */
export interface ServiceOptions {
  readonly identity: Identity;
  /** Addresses of HTTP, at least one. The first is the main address. */
  readonly http: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
  /** Address of `/metrics`. */
  readonly metrics?: ListenAddress;
  readonly dialler: Dialler;
  readonly forwardHeaders: readonly string[];
  readonly limits: PlanLimits;
  readonly role: Role;
  /** Directives for every request. */
  readonly behaviour: readonly Directive[];
  /** Seed of random choices. Pods with the same name and seed make the same choices. */
  readonly seed: string;
  /** Maximum time to serve kept connections while the service stops, in milliseconds. */
  readonly drainMs: number;
}

/** Service that listens. */
export interface RunningService {
  /** Addresses at which the service listens. */
  readonly http: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
  readonly metrics?: ListenAddress;
  /** Replaces the directives for every request. */
  setBehaviour(directives: readonly Directive[]): void;
  /** Stops, in this order: readiness, requests in flight, clients, spans. */
  stop(): Promise<void>;
}

/**
 * Starts the servers of one service.
 *
 * @example
 * const service = await startService(options, { tracing: verbatimTracing }, createLogger(options.identity, 'info', options.role));
 * await service.stop();
 *
 * @param telemetry must be started before this module is loaded, because it may instrument modules that are imported here
 * @throws MeshmockError `conflict`, `machine` or `usage` if the service cannot listen on an address
 */
export async function startService(
  options: ServiceOptions,
  telemetry: Telemetry,
  logger: Logger,
): Promise<RunningService> {
  // The errors of grpc-js contain what it would log.
  setLogVerbosity(logVerbosity.NONE);
  const clients = { http: createHttpClient(), grpc: createGrpcClient() };
  const service: Service = {
    identity: options.identity,
    limits: options.limits,
    role: options.role,
    behaviour: options.behaviour,
    chance: new Chance(`${options.seed} ${options.identity.pod}`),
    burner: new CpuBurner(),
    memory: new MemoryHold(options.limits.maxMemoryBytes),
    forwarder: new HeaderForwarder(options.forwardHeaders),
    dialler: options.dialler,
    clients,
    tracing: telemetry.tracing,
    grpcPort: () => grpcPort,
    onAnswer: (answered) => logger.answered(answered),
  };
  let grpcPort = options.grpc[0]?.port ?? 0;
  const http = createHttpServer(service);
  const grpc = createGrpcServer(service);
  let metrics: MetricsServer | undefined;
  const maxMs = options.limits.deadlineMs;
  const stopOnce = async (): Promise<void> => {
    await Promise.all([http.stop(options.drainMs, maxMs), grpc.stop(maxMs)]);
    await Promise.all([clients.http.close(), clients.grpc.close(), service.burner.stop()]);
    await telemetry.tracing.stop();
    await metrics?.[Symbol.asyncDispose]();
  };
  const setBehaviour = (directives: readonly Directive[]): void => {
    service.behaviour = directives;
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopOnce());
  try {
    const httpAddresses = await listenAll(options.http, (address, index) => listenHttp(http, address, index === 0));
    const grpcAddresses = await listenAll(options.grpc, (address) => listenGrpc(grpc.server, address));
    grpcPort = grpcAddresses[0]?.port ?? grpcPort;
    if (options.metrics !== undefined && telemetry.metrics !== undefined)
      metrics = await serveMetrics(options.metrics, telemetry.metrics);
    http.setReady();
    return {
      http: httpAddresses,
      grpc: grpcAddresses,
      ...optional('metrics', metrics?.address),
      setBehaviour,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
