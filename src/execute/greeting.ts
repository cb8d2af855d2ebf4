import type { Reply } from '../reply/reply.ts';
import type { IncomingRequest } from './incoming.ts';
import type { Service } from './service.ts';

/** Returns the answer to `/`: the name of the service, and commands that the client can run. */
export function greeting(service: Service, request: IncomingRequest): Pick<Reply, 'body' | 'try'> {
  const { service: name, version } = service.identity;
  const host = request.headers.host ?? 'localhost:8080';
  const hostName = host.replace(/:\d+$/, '');
  const peers = service.dialler.hosts.filter((peer) => peer !== name);
  const [first = host, second = first, third = second] = peers;
  return {
    body: `This is ${name} ${version}, a meshmock. It calls the services that the URL names, and answers with the tree of calls.`,
    try: [
      `curl -g '${host}/@${first}/hello'`,
      `curl -g '${host}/@${first},${second}/hello'`,
      `curl -g '${host}/@${first}|${second}/@${third}/hello'`,
      `curl -g '${host}/@${first}[end-user=jason]/@grpc:${peers[1] ?? peers[0] ?? `${hostName}:${service.grpcPort()}`}/hello' -H 'Accept: text/plain'`,
      `curl -g '${host}/-/plan/@${first}|${second}/hello'`,
    ],
  };
}
