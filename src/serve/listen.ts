import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import net from 'node:net';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { GrpcServer } from '../grpc/server.ts';
import type { HttpServer } from '../http/server.ts';
import type { ListenAddress } from '../plan/address.ts';
import { authorityOf, type Protocol } from '../plan/plan.ts';
import type { TcpServer } from '../tcp/server.ts';
import type { MetricsHandler } from '../telemetry/tracing.ts';
import type { Listeners } from './listeners.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

/** Listens on each address, one after another. Returns the addresses with their real ports. */
export async function listenAll(
  addresses: readonly ListenAddress[],
  bind: (address: ListenAddress) => Promise<number>,
): Promise<ListenAddress[]> {
  const bound: ListenAddress[] = [];
  for (const address of addresses) bound.push({ ...address, port: await bind(address) });
  return bound;
}

/**
 * Listens for HTTP, and returns the port. fastify listens on the first address. Listeners on other addresses pass their
 * connections to it.
 */
export async function listenHttp(http: HttpServer, listeners: Listeners, address: ListenAddress): Promise<number> {
  return listen('http', address, async (host, port) => {
    const { app } = http;
    const accept = (socket: net.Socket): void => void app.server.emit('connection', socket);
    // As HTTP servers listen: a client that has sent its request may close its half.
    if (app.server.listening) return listenFor(listeners, host, port, { allowHalfOpen: true }, accept);
    await app.listen({ host, port });
    listeners.add(app.server);
    return portOf(app.server);
  });
}

/** Listens for gRPC, and returns the port. */
export async function listenGrpc(grpc: GrpcServer, listeners: Listeners, address: ListenAddress): Promise<number> {
  return listen('grpc', address, (host, port) => listenFor(listeners, host, port, {}, grpc.accept));
}

/** Listens for TCP, and returns the port. */
export async function listenTcp(tcp: TcpServer, listeners: Listeners, address: ListenAddress): Promise<number> {
  // A client may send its lines, close its half, and read the answers.
  return listen('tcp', address, (host, port) => listenFor(listeners, host, port, { allowHalfOpen: true }, tcp.accept));
}

/** Listens for TLS, and returns the port. */
export async function listenTls(tls: TlsAcceptor, listeners: Listeners, address: ListenAddress): Promise<number> {
  return listen('tls', address, (host, port) => listenFor(listeners, host, port, { allowHalfOpen: true }, tls.accept));
}

async function listenFor(
  listeners: Listeners,
  host: string,
  port: number,
  options: net.ServerOpts,
  accept: (socket: net.Socket) => void,
): Promise<number> {
  const listener = net.createServer({ noDelay: true, ...options }, accept);
  const bound = await listenOn(listener, host, port);
  listeners.add(listener);
  return bound;
}

async function listenOn(listener: net.Server, host: string, port: number): Promise<number> {
  listener.listen(port, host);
  await once(listener, 'listening');
  return portOf(listener);
}

function portOf(listener: net.Server): number {
  return (listener.address() as net.AddressInfo).port;
}

/** Server that answers Prometheus. */
export interface MetricsServer extends AsyncDisposable {
  readonly address: ListenAddress;
}

/**
 * Serves `GET /metrics`.
 *
 * @throws MeshmockError `conflict`, `machine` or `usage` if the server cannot listen on the address
 */
export async function serveMetrics(address: ListenAddress, handle: MetricsHandler): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (/^\/metrics(?:\?|$)/.test(request.url ?? '')) handle(request, response);
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
  });
  const port = await listen('metrics', address, (host, port) => listenOn(server, host, port));
  return {
    address: { ...address, port },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Flag = Protocol | 'tls' | 'metrics';

type Bind = (host: string, port: number) => Promise<number>;

async function listen(flag: Flag, address: ListenAddress, bind: Bind): Promise<number> {
  try {
    return await (address.host === '' ? listenOnEveryHost(address.port, bind) : listenOnName(address, bind));
  } catch (error) {
    throw listenError(flag, address, (error as Error).message);
  }
}

/** Listens on IPv6, which includes IPv4, or on IPv4 if the machine has no IPv6. */
async function listenOnEveryHost(port: number, bind: Bind): Promise<number> {
  try {
    return await bind('::', port);
  } catch (error) {
    if (!isMissingFamily(error)) throw error;
    return bind('0.0.0.0', port);
  }
}

/** Listens on each address of a name: `localhost` is 127.0.0.1 and ::1, and clients may try only one of them. */
async function listenOnName({ host, port }: ListenAddress, bind: Bind): Promise<number> {
  const addresses = await lookup(host, { all: true });
  let bound: number | undefined;
  for (const [index, { address }] of addresses.entries()) {
    try {
      bound = await bind(address, bound ?? port);
    } catch (error) {
      const isLast = bound === undefined && index === addresses.length - 1;
      if (isLast || !isMissingFamily(error)) throw error;
    }
  }
  return bound ?? port;
}

function isMissingFamily(error: unknown): boolean {
  return /EAFNOSUPPORT|EADDRNOTAVAIL/.test((error as Error).message);
}

/** Returns a neighbouring port to suggest. */
function otherPort(port: number): number {
  return port < 65_535 ? port + 1 : port - 1;
}

function listenError(flag: Flag, address: ListenAddress, message: string): MeshmockError {
  if (/EADDRINUSE/.test(message)) {
    const problem = `port ${address.port} is taken`;
    const advice = `choose another with --${flag}, such as --${flag} :${otherPort(address.port)}, or :0 for any free port`;
    return new MeshmockError('conflict', `${problem}: ${advice}`);
  }
  const code = /EACCES/.test(message) ? 'machine' : 'usage';
  return new MeshmockError(code, `cannot listen on ${authorityOf(address)} (--${flag}): ${message}`);
}
