/**
 * Servers that are no meshmocks, run by `foreign.ts` inside a bed. They answer as the headers of the request ask:
 * `answer-status`, `answer-text`, `answer-header` (`NAME:VALUE`), or `answer: reset` and `answer: rubbish`; over HTTP/2
 * as gRPC. A rate limit service is among them, which finds every limit used up.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';

const [host = '', http = '', grpc = ''] = process.argv.slice(2);

function wanted(headers: IncomingHttpHeaders): { status: number; text: string; header: Record<string, string> } {
  const said = (name: string): string => String(headers[`answer-${name}`] ?? '');
  const [name = '', value = ''] = said('header').split(':');
  return { status: Number(said('status') || 200), text: said('text'), header: name === '' ? {} : { [name]: value } };
}

const lateMs = 2000;

const one = createServer((request, response) => {
  if (request.headers.answer === 'reset') {
    request.socket.resetAndDestroy();
  } else if (request.headers.answer === 'rubbish') {
    request.socket.end('this is no HTTP\r\n\r\n');
  } else {
    const { status, text, header } = wanted(request.headers);
    response.writeHead(status, { ...(text === '' ? {} : { 'content-type': 'text/plain' }), ...header }).end(text);
  }
});

/** `RateLimitResponse` with `overall_code` OVER_LIMIT (envoy/service/ratelimit/v3/rls.proto), in gRPC's frame. */
const overLimit = Buffer.from([0, 0, 0, 0, 2, 8, 2]);

const two = createHttp2Server().on('stream', (stream: ServerHttp2Stream, headers) => {
  stream.on('error', () => {});
  const grpcHeaders = { ':status': 200, 'content-type': 'application/grpc' };
  if (headers[':path'] === '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit') {
    stream.respond(grpcHeaders, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(overLimit);
  } else if (headers.answer === 'late') {
    setTimeout(
      () => stream.destroyed || stream.respond({ ...grpcHeaders, 'grpc-status': '0' }, { endStream: true }),
      lateMs,
    );
  } else if (headers.answer === 'reset') {
    stream.close(2);
  } else {
    const { status, text, header } = wanted(headers);
    const message = text === '' ? {} : { 'grpc-message': text };
    stream.respond({ ...grpcHeaders, 'grpc-status': String(status), ...message, ...header }, { endStream: true });
  }
});

one.listen(Number(http), host, () => two.listen(Number(grpc), host, () => process.send?.('ready')));
process.on('disconnect', () => process.exit(0));
