import { once } from 'node:events';
import { createServer } from 'node:http';
import net from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { HttpServer } from '../http/server.ts';
import type { ListenAddress } from '../plan/address.ts';
import { authorityOf } from '../plan/plan.ts';
import type { MetricsHandler } from '../telemetry/tracing.ts';

/** Address for all interfaces: IPv6, which includes IPv4, or IPv4 on a machine without IPv6. */
const everyHost = ['::', '0.0.0.0'];

/** Listens on each address, one after another, so that the first one stays first. */
export async function listenAll(
  addresses: readonly ListenAddress[],
  bind: (address: ListenAddress, index: number) => Promise<number>,
): Promise<ListenAddress[]> {
  const bound: ListenAddress[] = [];
  for (const [index, address] of addresses.entries()) bound.push({ ...address, port: await bind(address, index) });
  return bound;
}

/** Listens for HTTP. fastify listens on one address, and listeners on others pass their connections to it. */
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

/** Serves `GET /metrics`. @throws MeshmockError `conflict` if the address is not free, `usage` if it is not of this machine */
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
  throw new MeshmockError('usage', `--${flag}: expected an address`);
}

function problemOf(flag: Flag, address: ListenAddress, message: string): string {
  if (/EADDRINUSE/.test(message)) {
    return `port ${address.port} is taken: choose another with --${flag}, such as --${flag} :${address.port + 1}, or :0 for any free port`;
  }
  return `cannot listen on ${authorityOf(address)} (--${flag}): ${message}`;
}
