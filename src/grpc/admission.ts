import type { Http2Server, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { CheckClock } from '../connections/check-clock.ts';
import type { Connections } from '../connections/connections.ts';
import { type Http2Requests, isGrpcRequest } from '../connections/http2-requests.ts';
import { ServedCall } from '../connections/served-call.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import type { Bound } from '../execute/budgets/limits.ts';
import { type Service, signature } from '../execute/service.ts';
import { errorReply } from '../reply/error-reply.ts';
import { retryAfterHeader, retryAfterSeconds, signatureHeader } from '../reply/mesh-headers.ts';
import { metadataOf } from './codec.ts';
import { defaultDetailsBytes, errorStatusOf } from './status-details.ts';
import { removeListeners } from './streams/closed-stream.ts';
import { clientsOf, type Http2Client } from './streams/http2-clients.ts';
import { boundEnd } from './streams/session-end.ts';
import { OwnCalls, RefusedCalls } from './streams/unadmitted-calls.ts';

/** Private part of grpc-js that makes a server of HTTP/2 for each address. Its interceptors would cost half of a call. */
interface Http2ServerFactory {
  createHttp2Server(credentials: ServerCredentials): Http2Server;
}

/** Header that connects the stream of a call with its handler. It is removed before the headers are read. */
const callHeader = 'x-meshmock-served-call';

/** Error of Node about a client that does not begin with the preface of HTTP/2. */
const badMagic = /bad client magic/i;

const noHttp2 = 'the client does not speak HTTP/2 without TLS at the port of gRPC';

/** Admission of the calls of a gRPC server. */
export interface CallAdmission {
  /** Returns a call by its metadata, which no longer identifies it after that. */
  take(metadata: Metadata): ServedCall | undefined;
  stop(): void;
}

/** Methods that share one handler. */
export interface OtherMethods {
  /** Path under which their handler is registered. */
  readonly path: string;
  /** Reports whether the path of a method is one of them. */
  has(path: string): boolean;
}

/** Requests besides those of the methods that a service registers. */
export interface OtherRequests {
  /** Handles calls of all other methods of gRPC; if absent, the service does not have them. */
  readonly methods?: OtherMethods | undefined;
  /** Handles requests that are not calls of gRPC; if absent, they are refused. */
  readonly http?: Http2Requests | undefined;
}

/**
 * Gives each request of a server its share in the resources of the service. Calls for which there is no room are refused
 * before anything else is done for them: the answer is made once, and has no message. Health and reflection are never
 * refused. Call it before the server listens.
 *
 * @param methods paths of the methods that are admitted
 */
export function admitCalls(
  server: Server,
  service: Service,
  connections: Connections,
  methods: ReadonlySet<string>,
  others: OtherRequests = {},
): CallAdmission {
  const { budgets, shedder } = service;
  const { limits, refusals } = budgets;
  const calls = new Map<string, ServedCall>();
  const ownCalls = new OwnCalls();
  const refusedCalls = new RefusedCalls();
  const trailers = new Map<Bound | 'overload', OutgoingHttpHeaders>();
  const trailersOf = (refusedBy: Bound | 'overload'): OutgoingHttpHeaders => {
    const error = refusedBy === 'overload' ? shedder.error : budgets.error(refusedBy);
    const made = trailers.get(refusedBy) ?? refusalTrailers(service, error);
    trailers.set(refusedBy, made);
    return made;
  };
  const maxCallMs = limits.readTimeoutMs + service.limits.deadlineMs + limits.writeTimeoutMs;
  let nextId = 0;

  /** Begins a request that is admitted, or returns the reason that refuses it. */
  const begin = (
    { stream, headers, client }: Arrived,
    name: string,
    isSoon: boolean,
  ): ServedCall | Bound | 'overload' => {
    if (!isSoon) {
      refusals.add('overload');
      return 'overload';
    }
    const budget = budgets.beginRequest(sizeOf(headers));
    if (typeof budget === 'string') return budget;
    const id = String(nextId++);
    const call = new ServedCall(id, name, stream, client.connection, budget, clock);
    calls.set(id, call);
    client.streams.add();
    stream.once('close', () => {
      calls.delete(id);
      // Node keeps a closed stream until the end of a turn of the event loop, in which many calls may arrive.
      setImmediate(() => {
        call.end();
        client.streams.remove();
        removeListeners(stream);
      });
    });
    return call;
  };

  const admit = (arrived: Arrived): Bound | 'overload' | undefined => {
    const { stream, headers } = arrived;
    const isSoon = shedder.admits();
    const path = String(headers[':path']);
    if (!methods.has(path)) {
      if (others.methods?.has(path) !== true) {
        ownCalls.add(stream);
        return undefined;
      }
      // grpc-js knows methods only by their paths, and callers choose these.
      headers[':path'] = others.methods.path;
    }
    const begun = begin(arrived, path.slice(1), isSoon);
    if (typeof begun === 'string') return begun;
    headers[callHeader] = begun.id;
    return undefined;
  };

  const answerHttp = (http: Http2Requests, arrived: Arrived, rawHeaders: readonly string[]): void => {
    const { stream, headers } = arrived;
    const arrival = { stream, headers, rawHeaders };
    const path = headers[':path'] ?? '';
    if (http.isProbe(path)) {
      ownCalls.add(stream);
      http.answer(arrival, undefined);
      return;
    }
    const begun = begin(arrived, path, shedder.admits());
    if (typeof begun !== 'string') {
      http.answer(arrival, begun);
      return;
    }
    http.refuse(arrival, begun);
    refusedCalls.add(stream);
  };

  /** Reports whether a request is a call that is admitted. Any other is answered here. */
  const isAdmitted = (arrived: Arrived, rawHeaders: readonly string[]): boolean => {
    // Only admission says which call a stream is.
    if (arrived.headers[callHeader] !== undefined) delete arrived.headers[callHeader];
    if (others.http !== undefined && !isGrpcRequest(arrived.headers)) {
      answerHttp(others.http, arrived, rawHeaders);
      return false;
    }
    const refusedBy = admit(arrived);
    if (refusedBy === undefined) return true;
    refuse(arrived.stream, trailersOf(refusedBy));
    refusedCalls.add(arrived.stream);
    return false;
  };

  const factory = server as unknown as Http2ServerFactory;
  const create = factory.createHttp2Server.bind(server);
  factory.createHttp2Server = (credentials) => {
    const http2Server = create(credentials);
    const clientOf = clientsOf(http2Server, connections, limits.maxStreams);
    http2Server.on('session', (session) => boundEnd(session, maxCallMs));
    http2Server.on('sessionError', (error) => {
      if (badMagic.test(error.message)) service.onUnusable(noHttp2);
    });
    const handlers = http2Server.listeners('stream');
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags, rawHeaders) => {
      // A client may break the protocol at any time. Without a listener, the error of its stream would end the process.
      stream.on('error', () => {});
      const client = stream.session === undefined ? undefined : clientOf(stream.session);
      if (client === undefined) stream.destroy();
      else if (isAdmitted({ stream, headers, client }, rawHeaders))
        for (const handle of handlers) handle.call(http2Server, stream, headers, flags, rawHeaders);
    });
    return http2Server;
  };

  const endLate = (): void => {
    for (const call of calls.values()) {
      const bound = call.endIfLate(limits);
      if (bound !== undefined) refusals.add(bound);
    }
  };
  const clock = new CheckClock(Math.min(limits.readTimeoutMs, limits.writeTimeoutMs), endLate);
  return {
    take(metadata) {
      const [id] = metadata.get(callHeader);
      metadata.remove(callHeader);
      return calls.get(String(id));
    },
    stop: () => clock.stop(),
  };
}

/** Request that has arrived in a stream. */
interface Arrived {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly client: Http2Client;
}

function sizeOf(headers: Record<string, unknown>): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + String(headers[name]).length;
  return bytes;
}

function refuse(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  if (!stream.destroyed && !stream.closed) stream.respond(trailers, { endStream: true });
}

/** Returns the headers of a refused call, which has no message. They are its trailers too. */
function refusalTrailers({ identity }: Service, error: MeshmockError): OutgoingHttpHeaders {
  const refusal = errorReply(identity, error);
  const metadata = metadataOf({
    [signatureHeader]: signature(identity),
    [retryAfterHeader]: String(retryAfterSeconds),
  });
  const { code, details = '' } = errorStatusOf(refusal, defaultDetailsBytes, metadata);
  return {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': String(code),
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}
