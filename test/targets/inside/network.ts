import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { networkInterfaces } from 'node:os';

/** Fails in a network with other interfaces than loopback: these tests must not reach a real metadata service. */
export function assertOwnNetwork(): void {
  const names = Object.keys(networkInterfaces());
  assert.deepEqual(names, ['lo'], 'run these tests through targets.test.ts');
}

/** Servers in the place of metadata services. */
export interface MetadataServices extends AsyncDisposable {
  /** Addresses at which connections arrived. */
  readonly connections: readonly string[];
}

/** Body of each answer of a metadata service. */
export const secret = 'the secret of a metadata service';

/** Starts servers for HTTP (port 80) and gRPC (port 9090) at every address of this network. */
export async function startMetadataServices(): Promise<MetadataServices> {
  const connections: string[] = [];
  const web = http.createServer((_request, response) => response.end(secret));
  const grpc = http2.createServer();
  grpc.on('stream', (stream: http2.ServerHttp2Stream) => {
    const trailers = { 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': secret };
    stream.respond({ ':status': 200, ...trailers }, { endStream: true });
  });
  const listeners = [listener(web), listener(grpc)];
  function listener(server: http.Server | http2.Http2Server): net.Server {
    return net.createServer((socket) => {
      const address = socket.localAddress?.replace(/^::ffff:/, '') ?? '';
      if (address !== '127.0.0.1' && address !== '::1') connections.push(address);
      socket.on('error', () => {});
      server.emit('connection', socket);
    });
  }
  for (const [index, port] of [80, 9090].entries()) {
    listeners[index]?.listen(port, '::');
    await once(listeners[index] as net.Server, 'listening');
  }
  return {
    connections,
    async [Symbol.asyncDispose]() {
      web.closeAllConnections();
      for (const each of listeners) each.close();
    },
  };
}
