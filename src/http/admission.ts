import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Connection } from '../connections/connection.ts';
import type { Connections } from '../connections/connections.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import type { RequestBudget } from '../execute/budgets/budgets.ts';
import { type Bound, bounds } from '../execute/budgets/limits.ts';
import type { InFlight } from '../execute/concurrency/in-flight.ts';
import { type Service, signature } from '../execute/service.ts';
import { errorReply } from '../reply/error-reply.ts';
import { retryAfterHeader, retryAfterSeconds, signatureHeader } from '../reply/mesh-headers.ts';
import { isAdminPath, isProbe } from './admin-routes.ts';
import { pathOfTarget } from './codec.ts';
import { Pipeline, type PipelinedRequest, type RequestTurn } from './pipeline.ts';

/** Handlers of the requests that a server admits. */
export interface RequestHandlers {
  /** Reports whether an answer is the last of its connection. */
  isLast(): boolean;
  /** Answers a request for an admin route. */
  admin(request: IncomingMessage, response: ServerResponse): void;
  /** Takes over a connection whose client asks for a WebSocket. It is paused. */
  webSocket(request: IncomingMessage, connection: Connection, head: Buffer): void;
  /** Answers a request for a plan. */
  plan(request: IncomingMessage, response: ServerResponse, turn: RequestTurn, budget: RequestBudget): void;
}

/**
 * Gives each request of a server its turn on its connection, and its share in the resources of the service. Requests for
 * which there is no room are refused before anything else is done for them: the answer is made once, and is always JSON.
 * Probes are never refused.
 *
 * @param requests counter of the requests
 * @param acceptHttp2 takes over a connection that begins like HTTP/2
 * @returns a function that returns the requests of a connection
 */
export function admitRequests(
  server: Server,
  service: Service,
  connections: Connections,
  requests: InFlight,
  handlers: RequestHandlers,
  acceptHttp2: (socket: Socket) => void,
): (socket: Socket) => Pipeline | undefined {
  const { budgets, shedder } = service;
  const pipelines = new Map<Socket, Pipeline>();
  connections.watch(server, (connection) => {
    const { socket } = connection;
    const leave = (): void => {
      pipelines.delete(socket);
      connections.release(connection);
      acceptHttp2(socket);
    };
    pipelines.set(socket, new Pipeline(connection, budgets, requests, leave));
    socket.once('close', () => pipelines.delete(socket));
  });
  // After the server's own listener, which makes the parser.
  server.on('connection', (socket: Socket) => pipelines.get(socket)?.beginToRead());
  const refuse = refuser(service);
  const start = (request: PipelinedRequest, response: ServerResponse, isSoon: boolean): void => {
    const { turn, url = '' } = request;
    if (isProbe(url)) {
      handlers.admin(request, response);
      return;
    }
    if (turn === undefined) return;
    if (!isSoon && !isAdminPath(pathOfTarget(url))) {
      budgets.refusals.add('overload');
      refuse(response, 'overload');
      request.resume();
      return;
    }
    const budget = turn.begin(budgets, request);
    if (typeof budget === 'string') {
      turn.refuse(response);
      refuse(response, budget);
      request.resume();
    } else if (isAdminPath(pathOfTarget(url))) {
      handlers.admin(request, response);
    } else {
      handlers.plan(request, response, turn, budget);
    }
  };
  server.removeAllListeners('request');
  server.on('request', (request: PipelinedRequest, response: ServerResponse) => {
    // The rest of a piece is parsed after its connection is destroyed.
    if (request.socket.destroyed) return;
    if (handlers.isLast() || isIgnoredUpgrade(request)) response.shouldKeepAlive = false;
    const isSoon = shedder.admits();
    pipelines.get(request.socket)?.accept(request, response, () => start(request, response, isSoon));
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const socket = stream as Socket;
    const pipeline = pipelines.get(socket);
    if (pipeline === undefined) return;
    const rest = pipeline.leaveForUpgrade();
    socket.on('error', ignoreError).pause();
    // Answers are sent in the order of the requests (RFC 9112 section 9.3.2).
    if (shedder.admits()) {
      pipeline.whenDrained(() => handlers.webSocket(request, pipeline.connection, Buffer.concat([head, rest])));
      return;
    }
    budgets.refusals.add('overload');
    pipeline.whenDrained(() => {
      socket.end(
        `HTTP/1.1 503 Service Unavailable\r\n${retryAfterHeader}: ${retryAfterSeconds}\r\nconnection: close\r\n\r\n`,
      );
      socket.resume();
    });
  });
  return (socket) => pipelines.get(socket);
}

/** A connection that breaks ends what it carries. */
const ignoreError = (): void => {};

/** Reports whether a request asks for a WebSocket (RFC 6455 section 4.1). */
export function isWebSocketRequest({ headers, method }: IncomingMessage): boolean {
  return (
    headers.upgrade?.toLowerCase() === 'websocket' && method === 'GET' && headers['sec-websocket-key'] !== undefined
  );
}

/**
 * Reports whether a request asks for another protocol, which is ignored. Node's parser then misses errors in the bytes
 * that follow, so the connection cannot be kept. Clients that offer HTTP/2 go on with HTTP/1.1 (RFC 9113 section 3.1).
 */
function isIgnoredUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && headers.upgrade !== 'h2c';
}

/** Returns a function that answers that there is no room for a request. */
export function refuser(service: Service): (response: ServerResponse, reason: Bound | 'overload') => void {
  const { budgets, shedder } = service;
  const refusals = new Map<Bound | 'overload', RefusalAnswer>([
    ['overload', refusalOf(service, shedder.error)],
    ...bounds.map((bound): [Bound, RefusalAnswer] => [bound, refusalOf(service, budgets.error(bound))]),
  ]);
  return (response, reason) => {
    const refusal = refusals.get(reason);
    if (refusal !== undefined) response.writeHead(refusal.status, refusal.fields).end(refusal.body);
  };
}

interface RefusalAnswer {
  readonly status: number;
  readonly fields: string[];
  readonly body: string;
}

function refusalOf(service: Service, error: MeshmockError): RefusalAnswer {
  const refusal = errorReply(service.identity, error);
  // A string, so that headers and body are one write: most of a refusal is the time of system calls.
  const body = `${JSON.stringify(refusal)}\n`;
  const headers = {
    [signatureHeader]: signature(service.identity),
    'x-content-type-options': 'nosniff',
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    [retryAfterHeader]: String(retryAfterSeconds),
  };
  return { status: refusal.status, fields: Object.entries(headers).flat(), body };
}
