import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ContainerPlace } from '../control-plane/control-plane.ts';

/**
 * Serves the places of containers to the kubelet's API, at a Unix socket.
 *
 * @param placeOf returns the place of a container, or of a pod if no container is named; undefined if it does not run
 */
export async function serveContainerPlaces(
  socket: string,
  placeOf: (namespace: string, pod: string, container: string | undefined) => ContainerPlace | undefined,
  signal: AbortSignal,
): Promise<void> {
  const server = createServer((request, response) => {
    const [, namespace = '', pod = '', container] =
      /^\/pods\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(request.url ?? '') ?? [];
    const place = placeOf(namespace, pod, container);
    response.writeHead(place === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(place ?? {}));
  });
  server.listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0o600);
  signal.addEventListener('abort', () => server.close(), { once: true });
}
