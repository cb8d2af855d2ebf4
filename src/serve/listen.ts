import { once } from 'node:events';
import { createServer } from 'node:http';
import net from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { HttpServer } from '../http/server.ts';
import type { ListenAddress } from '../plan/address.ts';
import { authorityOf } from '../plan/plan.ts';
import type { MetricsHandler } from '../telemetry/tracing.ts';

/** Listens on each address, one after another. Returns the addresses with their real ports. */
export async function listenAll(
  addresses: readonly ListenAddress[],
  bind: (address: ListenAddress, index: number) => Promise<number>,
): Promise<ListenAddress[]> {
  const bound: ListenAddress[] = [];
  for (const [index, address] of addresses.entries()) bound.push({ ...address, port: await bind(address, index) });
  return bound;
}

/**
 * Listens for HTTP, and returns the port. fastify listens on the first address. Listeners on other addresses pass their
 * connections to it.
 */
export async function listenHttp(http: HttpServer, { host, port }: ListenAddress, isFirst: boolean): Promise<number> {
  return listen('http', { host, port }, async (bindHost) => {
    if (isFirst) {
      await http.app.listen({ host: bindHost, port });
      return portOf(http.app.server);
    }
    const listener = net.createServer({ noDelay: true });
    const bound = await listenOn(listener, bindHost, port);
    http.serveAlso(listener);
    return bound;
  });
}

async function listenOn(listener: net.Server, host: string, port: number): Promise<number> {
  listener.listen(port, host);
  await once(listener, 'listening');
  return portOf(listener);
}

function portOf(listener: net.Server): number {
  return (listener.address() as net.AddressInfo).port;
}

/** Listens for gRPC, and returns the port. */
export async function listenGrpc(server: Server, { host, port }: ListenAddress): Promise<number> {
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
  const port = await listen('metrics', address, (host) => listenOn(server, host, address.port));
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

type Flag = 'http' | 'grpc' | 'metrics';

async function listen(flag: Flag, address: ListenAddress, bind: (host: string) => Promise<number>): Promise<number> {
  try {
    return address.host === '' ? await listenOnEveryHost(bind) : await bind(address.host);
  } catch (error) {
    throw listenError(flag, address, (error as Error).message);
  }
}

/** Listens on IPv6, which includes IPv4, or on IPv4 if the machine has no IPv6. */
async function listenOnEveryHost(bind: (host: string) => Promise<number>): Promise<number> {
  try {
    return await bind('::');
  } catch (error) {
    if (!/EAFNOSUPPORT|EADDRNOTAVAIL/.test((error as Error).message)) throw error;
    return bind('0.0.0.0');
  }
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
