import type { Reply } from '../reply/reply.ts';
import type { IncomingRequest } from './incoming.ts';
import type { Service } from './service.ts';

/** Returns the answer to `/`: the name of the service, and commands that the client can run. */
export function greeting(service: Service, request: IncomingRequest): Pick<Reply, 'body' | 'try'> {
  const { service: name, version, namespace } = service.identity;
  const host = request.headers.host ?? 'localhost:8080';
  const hostName = host.replace(/:\d+$/, '');
  const peers = service.dialler.hosts.filter((peer) => peer !== name);
  // In a cluster, the host of the request may be known only outside: that of a gateway or of a port-forward.
  const isInCluster = namespace !== undefined;
  const [first = isInCluster ? name : host, second = first, third = second] = peers;
  const grpcPeer = peers[1] ?? peers[0] ?? (isInCluster ? name : `${hostName}:${service.grpcPort()}`);
  return {
    body: `This is ${name} ${version}, a meshmock. It calls the services that the URL names, and answers with the tree of calls.`,
    try: [
      `curl -g '${host}/@${first}/hello'`,
      `curl -g '${host}/@${first},${second}/hello'`,
      `curl -g '${host}/@${first}|${second}/@${third}/hello'`,
      `curl -g '${host}/@${first}[end-user=jason]/@grpc:${grpcPeer}/hello' -H 'Accept: text/plain'`,
      `curl -g '${host}/-/plan/@${first}|${second}/hello'`,
    ],
  };
}
