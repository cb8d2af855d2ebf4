import { RawReply, type Reply } from '../../src/reply/reply.ts';

/** Reply without calls. */
export const leaf: Reply = { service: 'leaf', version: 'v2', pod: 'leaf-1', status: 200, body: 'hello', durationMs: 2 };

/** Reply with a child that is not parsed, a call without an answer, and a foreign answer. */
export const tree: Reply<RawReply> = {
  service: 'gateway',
  version: 'v1',
  request: { protocol: 'http', method: 'GET', uri: '/@leaf,gone|web/x', headers: { a: 'b' } },
  status: 502,
  durationMs: 24,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  calls: [
    {
      target: 'leaf:9090',
      scheme: 'grpc',
      stage: 0,
      status: 200,
      grpcStatus: 'OK',
      startMs: 0,
      durationMs: 12,
      answeredBy: 'service',
      mesh: { proxy: 'envoy', upstreamMs: 3 },
      reply: new RawReply(
        JSON.stringify({
          ...leaf,
          mesh: { attempt: 2, peerIdentity: 'spiffe://c/ns/a/sa/gateway', ownIdentity: 'spiffe://c/ns/a/sa/leaf' },
        }),
      ),
    },
    {
      target: 'gone:8080',
      scheme: 'http',
      stage: 1,
      startMs: 12,
      durationMs: 6,
      answeredBy: 'nobody',
      error: { code: 'refused', message: 'connect ECONNREFUSED 127.0.0.1:1' },
    },
    {
      target: 'web:80',
      scheme: 'http',
      stage: 1,
      status: 404,
      startMs: 12,
      durationMs: 12,
      answeredBy: 'foreign',
      body: '<h1>Not here</h1>\n…',
    },
  ],
};
