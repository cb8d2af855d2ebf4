import type { Socket } from 'node:net';
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { Connections } from '../connections/connections.ts';
import type { TargetResolver } from '../dial/target-resolver.ts';
import { optional } from '../error/optional.ts';
import { Budgets } from '../execute/budgets/budgets.ts';
import type { BudgetLimits } from '../execute/budgets/limits.ts';
import type { RefusalReason } from '../execute/budgets/refusals.ts';
import type { Dialler } from '../execute/connect-to.ts';
import { Chance } from '../execute/directives/chance.ts';
import { CpuBurner } from '../execute/directives/cpu-burner.ts';
import { MemoryHold } from '../execute/directives/memory-hold.ts';
import { HeaderForwarder } from '../execute/forwarded-headers.ts';
import { LoadShedder } from '../execute/overload/load-shedder.ts';
import { KnownPlans } from '../execute/plans/known-plans.ts';
import type { Role } from '../execute/role.ts';
import type { PageSettings, Service, TrafficCounter } from '../execute/service.ts';
import type { ServicePorts } from '../execute/service-ports.ts';
import { createGrpcClient } from '../grpc/client.ts';
import { type DescribedMethods, noDescribedMethods } from '../grpc/messages/described-methods.ts';
import { createGrpcServer, type GrpcServer } from '../grpc/server.ts';
import { createHttpClient } from '../http/client.ts';
import { createHttpServer } from '../http/server.ts';
import type { ListenAddress } from '../plan/address.ts';
import type { Directive, PlanLimits } from '../plan/plan.ts';
import type { Identity } from '../reply/reply.ts';
import { createTcpClient } from '../tcp/client.ts';
import { createTcpServer } from '../tcp/server.ts';
import type { Telemetry } from '../telemetry/tracing.ts';
import { listenAll, listenGrpc, listenHttp, listenTcp, listenTls, type MetricsServer, serveMetrics } from './listen.ts';
import { Listeners } from './listeners.ts';
import type { Logger } from './logger.ts';
import type { ServiceTls } from './service-tls.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

/** Settings of one service. */
export interface ServiceOptions {
  readonly identity: Identity;
  /** Addresses of HTTP, at least one. The first is the main address. */
  readonly http: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
  /** Addresses of TCP, maybe none. */
  readonly tcp: readonly ListenAddress[];
  /** Settings of TLS, for listeners and calls. */
  readonly tls?: ServiceTls;
  /** Address of `/metrics`. */
  readonly metrics?: ListenAddress;
  readonly dialler: Dialler;
  readonly servicePorts: ServicePorts;
  readonly targets: TargetResolver;
  readonly forwardHeaders: readonly string[];
  readonly limits: PlanLimits;
  readonly budgets: BudgetLimits;
  readonly role: Role;
  /** Proto files of gRPC methods, or folders of them. */
  readonly protoFiles: readonly string[];
  /** Directives for every request. */
  readonly behaviour: readonly Directive[];
  /** Seed of random choices. Pods with the same name and seed make the same choices. */
  readonly seed: string;
  /** Maximum time to serve kept connections while the service stops, in milliseconds. */
  readonly drainMs: number;
  /** Longest wait of a request that an overloaded service takes, in milliseconds; 0 takes all. */
  readonly maxQueueMs: number;
  /** Settings of the page; without them, browsers get JSON. */
  readonly page?: PageSettings;
}

/** Service that listens. */
export interface RunningService {
  /** Addresses at which the service listens. */
  readonly http: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
  readonly tcp: readonly ListenAddress[];
  readonly tls: readonly ListenAddress[];
  readonly metrics?: ListenAddress;
  /** Replaces the directives for every request. */
  setBehaviour(directives: readonly Directive[]): void;
  /** Lets the readiness probe succeed or fail. The service answers other requests in both cases. */
  setReady(isReady: boolean): void;
  /** Begins to count calls; without a counter, ends it. */
  setTraffic(counter: TrafficCounter | undefined): void;
  /** Stops, in this order: readiness, requests in flight, clients, spans. */
  stop(): Promise<void>;
}

/**
 * Starts the servers of one service.
 *
 * @example
 * const logger = createLogger(options.identity, 'info', options.role, options.budgets.maxLogLineBytes);
 * const service = await startService(options, noTelemetry(), logger);
 * await service.stop();
 *
 * @param telemetry must be started before this module is loaded, because it may instrument modules that are imported here
 * @throws MeshmockError `conflict`, `machine` or `usage` if the service cannot listen on an address, or cannot read a proto
 *   file or a file of TLS
 */
export async function startService(
  options: ServiceOptions,
  telemetry: Telemetry,
  logger: Logger,
): Promise<RunningService> {
  // The errors of grpc-js contain what it would log.
  setLogVerbosity(logVerbosity.NONE);
  const report = (reason: RefusalReason, count: number): void => logger.refused(reason, count);
  const budgets = new Budgets(options.budgets, options.limits.maxMemoryBytes, report);
  const connections = new Connections(budgets);
  const descriptors = await describedMethods(options.protoFiles);
  const bounds = { budgets, maxCallMs: options.limits.deadlineMs };
  // Services without TLS do not load its code.
  const tlsParts = options.tls && (await import('./service-tls.ts'));
  const certificates = options.tls && tlsParts && new tlsParts.ServiceCertificates(options.tls, options.identity);
  const clients = {
    http: createHttpClient(options.targets, certificates?.calls),
    grpc: createGrpcClient(options.targets, bounds, descriptors, certificates?.calls),
    tcp: createTcpClient(options.targets),
  };
  const service: Service = {
    identity: options.identity,
    limits: options.limits,
    role: options.role,
    behaviour: options.behaviour,
    chance: new Chance(`${options.seed} ${options.identity.pod}`),
    burner: new CpuBurner(options.maxQueueMs),
    memory: new MemoryHold(budgets),
    plans: new KnownPlans(),
    forwarder: new HeaderForwarder(options.forwardHeaders),
    dialler: options.dialler,
    servicePorts: options.servicePorts,
    clients,
    tracing: telemetry.tracing,
    page: options.page,
    shedder: new LoadShedder(options.maxQueueMs),
    budgets,
    grpcPort: () => grpcPort,
    onAnswer: (answered) => logger.answered(answered),
    onUnusable: (problem) => logger.unusable(problem),
  };
  let grpcPort = options.grpc[0]?.port ?? 0;
  telemetry.observe(() => ({
    refused: budgets.refusals.all(),
    limits: budgets.limitsByBound,
    requests: budgets.openRequests,
    calls: budgets.openCalls,
    connections: connections.count,
    heldBytes: budgets.memory.answerBytes,
    memoryBytes: budgets.memory.totalBytes,
  }));
  const http = createHttpServer(service, connections, (socket) => grpc.accept(socket));
  const grpc: GrpcServer = createGrpcServer(service, connections, descriptors, http.http2);
  const acceptHttp = (socket: Socket): void => void http.app.server.emit('connection', socket);
  const tcp = createTcpServer(service, connections, acceptHttp);
  const servers = [http, grpc, tcp];
  let metrics: MetricsServer | undefined;
  const listeners = { http: new Listeners(), grpc: new Listeners(), tcp: new Listeners(), tls: new Listeners() };
  const stopOnce = async (): Promise<void> => {
    // Kept connections get one more answer: closing them at once would reset requests on their way.
    for (const server of servers) server.drain();
    const stopAt = performance.now() + options.drainMs + options.limits.deadlineMs;
    const all = Object.values(listeners);
    // A connection may be for another server than that of its listener, so all servers run until the last one is closed.
    await Promise.all(all.map((each) => each.close(options.drainMs, options.limits.deadlineMs)));
    const maxMs = stopAt - performance.now();
    const others = Promise.all([grpc.stop(maxMs), tcp.stop(maxMs)]);
    await Promise.all([http.stop(maxMs, others), others]);
    connections.stop();
    certificates?.stop();
    await Promise.all([clients.http.close(), clients.grpc.close(), service.burner.stop()]);
    budgets.refusals.flush();
    await telemetry.tracing.stop();
    await metrics?.[Symbol.asyncDispose]();
  };
  const setBehaviour = (directives: readonly Directive[]): void => {
    service.behaviour = directives;
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopOnce());
  try {
    const httpAddresses = await listenAll(options.http, (address) => listenHttp(http, listeners.http, address));
    const grpcAddresses = await listenAll(options.grpc, (address) => listenGrpc(grpc, listeners.grpc, address));
    grpcPort = grpcAddresses[0]?.port ?? grpcPort;
    const tcpAddresses = await listenAll(options.tcp, (address) => listenTcp(tcp, listeners.tcp, address));
    let tlsAddresses: ListenAddress[] = [];
    let replaceServed: TlsAcceptor['replace'] = () => {};
    if (tlsParts !== undefined && certificates?.served !== undefined) {
      const handlers = { acceptHttp, acceptHttp2: grpc.accept, onProblem: service.onUnusable };
      const tls = tlsParts.createTlsAcceptor(certificates.served, connections, budgets, handlers);
      replaceServed = tls.replace;
      tlsAddresses = await listenAll(options.tls?.addresses ?? [], (address) => listenTls(tls, listeners.tls, address));
    }
    certificates?.follow(replaceServed, logger.tlsFiles);
    if (options.metrics !== undefined && telemetry.metrics !== undefined)
      metrics = await serveMetrics(options.metrics, telemetry.metrics);
    http.setReady(true);
    return {
      http: httpAddresses,
      grpc: grpcAddresses,
      tcp: tcpAddresses,
      tls: tlsAddresses,
      ...optional('metrics', metrics?.address),
      setBehaviour,
      setReady: (isReady) => http.setReady(isReady),
      setTraffic: (counter) => {
        service.traffic = counter;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Loads the methods of proto files. Few services have any. */
async function describedMethods(protoFiles: readonly string[]): Promise<DescribedMethods> {
  if (protoFiles.length === 0) return noDescribedMethods;
  const { Descriptors } = await import('../grpc/messages/descriptors.ts');
  return new Descriptors(protoFiles);
}
