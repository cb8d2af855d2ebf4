/**
 * Foreign servers, which `foreign.ts` runs inside a local mesh: one for HTTP/1.1, one for gRPC. Headers of a request
 * choose the answer: `answer-status`, `answer-text`, `answer-header` (`NAME:VALUE`), or `answer: reset` and
 * `answer: rubbish`. The gRPC server also has a rate limit service that finds every limit exceeded.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';

const [host = '', http = '', grpc = ''] = process.argv.slice(2);

function requestedAnswer(headers: IncomingHttpHeaders): {
  status: number;
  text: string;
  header: Record<string, string>;
} {
  const setting = (name: string): string => String(headers[`answer-${name}`] ?? '');
  const [name = '', value = ''] = setting('header').split(':');
  return {
    status: Number(setting('status') || 200),
    text: setting('text'),
    header: name === '' ? {} : { [name]: value },
  };
}

/** Delay of an answer that is requested with `answer: late`, in milliseconds. */
const lateMs = 2000;

const httpServer = createServer((request, response) => {
  if (request.headers.answer === 'reset') {
    request.socket.resetAndDestroy();
  } else if (request.headers.answer === 'rubbish') {
    request.socket.end('this is not HTTP\r\n\r\n');
  } else {
    const { status, text, header } = requestedAnswer(request.headers);
    response.writeHead(status, { ...(text === '' ? {} : { 'content-type': 'text/plain' }), ...header }).end(text);
  }
});

/** `RateLimitResponse` with `overall_code` OVER_LIMIT (envoy/service/ratelimit/v3/rls.proto), in gRPC's frame. */
const overLimit = Buffer.from([0, 0, 0, 0, 2, 8, 2]);

const grpcServer = createHttp2Server().on('stream', (stream: ServerHttp2Stream, headers) => {
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
    const { status, text, header } = requestedAnswer(headers);
    const message = text === '' ? {} : { 'grpc-message': text };
    stream.respond({ ...grpcHeaders, 'grpc-status': String(status), ...message, ...header }, { endStream: true });
  }
});

httpServer.listen(Number(http), host, () => grpcServer.listen(Number(grpc), host, () => process.send?.('ready')));
process.on('disconnect', () => process.exit(0));
