import type { Http2Server, OutgoingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { CheckClock } from '../connections/check-clock.ts';
import type { Connection } from '../connections/connection.ts';
import type { Connections } from '../connections/connections.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import type { Bound } from '../execute/budgets/limits.ts';
import { type Service, signature } from '../execute/service.ts';
import { errorReply } from '../reply/error-reply.ts';
import { retryAfterHeader, retryAfterSeconds, signatureHeader } from '../reply/mesh-headers.ts';
import { metadataOf } from './codec.ts';
import { defaultDetailsBytes, errorStatusOf } from './status-details.ts';
import { ServedCall } from './streams/served-call.ts';
import { boundEnd } from './streams/session-end.ts';
import { StreamLimit } from './streams/stream-limit.ts';
import { OwnCalls, RefusedCalls } from './streams/unadmitted-calls.ts';

/** Private part of grpc-js that makes a server of HTTP/2 for each address. Its interceptors would cost half of a call. */
interface Http2ServerFactory {
  createHttp2Server(credentials: ServerCredentials): Http2Server;
}

/** Header that connects the stream of a call with its handler. It is removed before the headers are read. */
const callHeader = 'x-meshmock-served-call';

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

/**
 * Gives each call of a server its share in the resources of the service. Calls for which there is no room are refused
 * before anything else is done for them: the answer is made once, and has no message. Health and reflection are never
 * refused. Call it before the server listens.
 *
 * @param methods paths of the methods that are admitted
 * @param others handles calls of all other methods of gRPC; if absent, the service does not have them
 */
export function admitCalls(
  server: Server,
  service: Service,
  connections: Connections,
  methods: ReadonlySet<string>,
  others?: OtherMethods,
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

  const admit = (
    stream: ServerHttp2Stream,
    headers: Record<string, unknown>,
    client: Http2Client,
  ): Bound | 'overload' | undefined => {
    // Only admission says which call a stream is.
    if (headers[callHeader] !== undefined) delete headers[callHeader];
    const isSoon = shedder.admits();
    const path = String(headers[':path']);
    if (!methods.has(path)) {
      if (others === undefined || !others.has(path)) {
        ownCalls.add(stream);
        return undefined;
      }
      // grpc-js knows methods only by their paths, and callers choose these.
      headers[':path'] = others.path;
    }
    if (!isSoon) {
      refusals.add('overload');
      return 'overload';
    }
    const budget = budgets.beginRequest(sizeOf(headers));
    if (typeof budget === 'string') return budget;
    const id = String(nextId++);
    const call = new ServedCall(path.slice(1), stream, client.connection, budget, clock);
    headers[callHeader] = id;
    calls.set(id, call);
    client.streams.add();
    stream.once('close', () => {
      calls.delete(id);
      // Node keeps a closed stream until the end of a turn of the event loop, in which many calls may arrive.
      setImmediate(() => {
        call.end();
        client.streams.remove();
      });
    });
    return undefined;
  };

  const factory = server as unknown as Http2ServerFactory;
  const create = factory.createHttp2Server.bind(server);
  factory.createHttp2Server = (credentials) => {
    const http2Server = create(credentials);
    const clientOf = clientsOf(http2Server, connections, limits.maxStreams);
    http2Server.on('session', (session) => boundEnd(session, maxCallMs));
    const handlers = http2Server.listeners('stream');
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', (stream: ServerHttp2Stream, headers, ...rest) => {
      const client = stream.session === undefined ? undefined : clientOf(stream.session);
      if (client === undefined) {
        stream.destroy();
        return;
      }
      const refusedBy = admit(stream, headers, client);
      if (refusedBy !== undefined) {
        refuse(stream, trailersOf(refusedBy));
        refusedCalls.add(stream);
        return;
      }
      for (const handle of handlers) handle.call(http2Server, stream, headers, ...rest);
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

/** Client with a connection of HTTP/2. */
interface Http2Client {
  readonly connection: Connection;
  readonly streams: StreamLimit;
}

/** Returns a function that returns the client of a session. */
function clientsOf(
  server: Http2Server,
  connections: Connections,
  maxStreams: number,
): (session: NonNullable<ServerHttp2Stream['session']>) => Http2Client | undefined {
  const clients = new WeakMap<object, Http2Client>();
  // A server makes the session of a connection at once.
  let latest: Connection | undefined;
  connections.watch(server, (connection) => {
    latest = connection;
  });
  server.on('session', (session: ServerHttp2Session) => {
    if (latest !== undefined)
      clients.set(session, { connection: latest, streams: new StreamLimit(session, maxStreams) });
    latest = undefined;
  });
  return (session) => clients.get(session);
}

function sizeOf(headers: Record<string, unknown>): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + String(headers[name]).length;
  return bytes;
}

function refuse(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  // A client may reset a stream at any time.
  stream.on('error', () => {});
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
