import { once } from 'node:events';
import net from 'node:net';
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { Chance } from '../execute/chance.ts';
import type { Dialler } from '../execute/connect-to.ts';
import { CpuBurner } from '../execute/cpu-burner.ts';
import { HeaderForwarder } from '../execute/forwarded-headers.ts';
import { MemoryHold } from '../execute/memory-hold.ts';
import type { Role } from '../execute/role.ts';
import type { Service } from '../execute/service.ts';
import { createGrpcClient } from '../grpc/client.ts';
import { createGrpcServer } from '../grpc/server.ts';
import { createHttpClient } from '../http/client.ts';
import { createHttpServer, type HttpServer } from '../http/server.ts';
import { MeshmockError } from '../plan/error.ts';
import { authorityOf, type Directive, type PlanLimits } from '../plan/plan.ts';
import type { Identity } from '../reply/reply.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { ListenAddress } from './address.ts';
import type { Logger } from './logger.ts';

export interface ServiceOptions {
  readonly identity: Identity;
  /** At least one; the first is the main one. */
  readonly http: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
  readonly dialler: Dialler;
  readonly forwardHeaders: readonly string[];
  readonly limits: PlanLimits;
  readonly role: Role;
  /** What it does with every request. */
  readonly behaviour: readonly Directive[];
  /** What is left to chance comes out the same with the same seed, for pods of the same name. */
  readonly seed: string;
  /** How long at most, once it is to end, callers may still use the connections that they keep open. */
  readonly drainMs: number;
}

export interface RunningService {
  /** Where it really listens. */
  readonly http: readonly ListenAddress[];
  readonly grpc: readonly ListenAddress[];
  /** Ends it in order: unready, the requests under way, the clients, the spans. */
  stop(): Promise<void>;
}

/**
 * Starts the servers of one service.
 *
 * @param tracing started before: what it instruments must not be loaded yet
 * @throws MeshmockError `usage` when an address cannot be listened on
 */
export async function startService(options: ServiceOptions, tracing: Tracing, logger: Logger): Promise<RunningService> {
  // What it would write is in the errors that it gives as well.
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
    tracing,
    grpcPort: () => grpcPort,
    onAnswer: (answered) => logger.answered(answered),
  };
  let grpcPort = options.grpc[0]?.port ?? 0;
  const http = createHttpServer(service);
  const grpc = createGrpcServer(service);
  const longestMs = options.limits.deadlineMs;
  const stopOnce = async (): Promise<void> => {
    await Promise.all([http.stop(options.drainMs, longestMs), grpc.stop(longestMs)]);
    await Promise.all([clients.http.close(), clients.grpc.close(), service.burner.stop()]);
    await tracing.stop();
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopOnce());
  try {
    const httpAddresses = await listenAll(options.http, (address, index) => listenHttp(http, address, index === 0));
    const grpcAddresses = await listenAll(options.grpc, (address) => listenGrpc(grpc.server, address));
    grpcPort = grpcAddresses[0]?.port ?? grpcPort;
    http.setReady();
    return { http: httpAddresses, grpc: grpcAddresses, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Every address of the machine: IPv6 and with it IPv4, or IPv4 alone where there is no IPv6. */
const everyHost = ['::', '0.0.0.0'];

/** In turn: which of them is the first is to be certain. */
async function listenAll(
  addresses: readonly ListenAddress[],
  listenOn: (address: ListenAddress, index: number) => Promise<number>,
): Promise<ListenAddress[]> {
  const bound: ListenAddress[] = [];
  for (const [index, address] of addresses.entries()) bound.push({ ...address, port: await listenOn(address, index) });
  return bound;
}

/** fastify listens on one address; further ones hand their connections to it. */
async function listenHttp(http: HttpServer, { host, port }: ListenAddress, isFirst: boolean): Promise<number> {
  return listen('http', { host, port }, async (bindHost) => {
    const listener = isFirst ? http.app.server : net.createServer({ noDelay: true });
    if (isFirst) {
      await http.app.listen({ host: bindHost, port });
    } else {
      listener.listen(port, bindHost);
      await once(listener, 'listening');
      http.serveAlso(listener);
    }
    const bound = listener.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  });
}

async function listenGrpc(server: Server, { host, port }: ListenAddress): Promise<number> {
  return listen(
    'grpc',
    { host, port },
    (bindHost) =>
      new Promise((resolve, reject) => {
        server.bindAsync(authorityOf({ host: bindHost, port }), ServerCredentials.createInsecure(), (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        );
      }),
  );
}

async function listen(
  flag: 'http' | 'grpc',
  address: ListenAddress,
  bind: (host: string) => Promise<number>,
): Promise<number> {
  const hosts = address.host === '' ? everyHost : [address.host];
  for (const host of hosts) {
    try {
      return await bind(host);
    } catch (error) {
      const { message } = error as Error;
      if (/EAFNOSUPPORT|EADDRNOTAVAIL/.test(message) && host !== hosts.at(-1)) continue;
      throw new MeshmockError('usage', problemOf(flag, address, message));
    }
  }
  throw new MeshmockError('usage', `--${flag}: no address to listen on`);
}

function problemOf(flag: 'http' | 'grpc', address: ListenAddress, message: string): string {
  if (/EADDRINUSE/.test(message)) {
    return `port ${address.port} is taken: give another with --${flag}, such as --${flag} :${address.port + 1}, or :0 for any free one`;
  }
  return `cannot listen on ${authorityOf(address)} (--${flag}): ${message}`;
}
