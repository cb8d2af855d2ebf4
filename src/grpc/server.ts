import type { Socket } from 'node:net';
import { Metadata, type MethodDefinition, Server, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Connections } from '../connections/connections.ts';
import type { Http2Requests } from '../connections/http2-requests.ts';
import { MeshmockError } from '../error/meshmock-error.ts';
import { answer } from '../execute/answer.ts';
import { RequestParseRoom } from '../execute/budgets/parse-room.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import { NewConnections } from '../execute/concurrency/new-connections.ts';
import type { PlanSource } from '../execute/incoming.ts';
import { type Service, signature } from '../execute/service.ts';
import { headerFields } from '../plan/plan.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { callMethod } from '../reply/reply.ts';
import { admitCalls, type CallAdmission } from './admission.ts';
import { answerAnyMethod, anyMethodPath, isAnyMethod } from './any-method.ts';
import { clientClosedSignal, timeLeftMs } from './call-facts.ts';
import {
  type DecodedRequest,
  decodeRequest,
  encodeReplyMessage,
  headersOf,
  maxRequestBytes,
  metadataOf,
  resetTrailer,
  sameBytes,
  serviceName,
} from './codec.ts';
import { echoMethods, echoProtoFile } from './echo-form.ts';
import { copiesOfDetails, copiesOfMessage, encodeAnswer } from './encode-answer.ts';
import type { DescribedMethods } from './messages/described-methods.ts';
import type { GrpcCall, GrpcMethod, GrpcRequest } from './method.ts';
import { Health } from './services/health.ts';
import { addLazyServices } from './services/lazy-services.ts';
import { detailsBytesOf, detailsLimitHeader, detailsLimitOf, errorStatusOf, resetDetails } from './status-details.ts';
import type { StreamCall } from './streams/request-messages.ts';
import { firstStreams } from './streams/stream-limit.ts';

/** gRPC server of a service. */
export interface GrpcServer {
  /** Serves a connection. */
  accept(socket: Socket): void;
  /** Makes health report NOT_SERVING, and asks the clients to use another connection for further calls. */
  drain(): void;
  /**
   * Answers the calls in flight, and closes. Nothing listens any more.
   *
   * @param maxMs maximum time for the calls in flight, in milliseconds
   */
  stop(maxMs: number): Promise<void>;
}

/**
 * Creates the gRPC server of a service, with reflection and health. It does not listen yet.
 *
 * @param http handles the other requests over HTTP/2, which arrive on the same connections
 */
export function createGrpcServer(
  service: Service,
  connections: Connections,
  descriptors: DescribedMethods,
  http?: Http2Requests,
): GrpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': Math.min(firstStreams, service.budgets.limits.maxStreams),
    'grpc.enable_channelz': 0,
  });
  const methods = methodsOf(service);
  // The echo servers implement only the methods of their own.
  const anyMethod = service.role.kind === 'echo' ? undefined : { path: anyMethodPath, has: isAnyMethod };
  const paths = new Set(methods.map(({ name }) => `/${name}`));
  const calls = new InFlight();
  const newConnections = new NewConnections<string>();
  const counted = http === undefined ? undefined : countedRequests(http, calls, newConnections);
  const admission = admitCalls(server, service, connections, paths, { methods: anyMethod, http: counted });
  const handleAny = (call: StreamCall): void => {
    calls.begin();
    newConnections.remove(call.getPeer());
    answerAnyMethod(service, admission, descriptors, call)
      .catch((error) => call.emit('error', { code: status.INTERNAL, details: String(error) }))
      .finally(() => calls.end());
  };
  for (const method of methods)
    server.addService(definitionOf(method), {
      method: (call: GrpcCall, respond: sendUnaryData<Buffer>) => {
        calls.begin();
        newConnections.remove(call.getPeer());
        handle(service, admission, method, call, respond)
          .catch((error) => respond({ code: status.INTERNAL, details: String(error) }))
          .finally(() => calls.end());
      },
    });
  server.register(anyMethodPath, handleAny, sameBytes, sameBytes, 'bidi');
  addLazyServices(server, reflectionMethods, async () =>
    (await import('./services/reflection.ts')).reflectionOf(echoFiles(service), descriptors.root),
  );
  const health = new Health(serviceName);
  health.addTo(server);
  // Listeners of ours, because those of grpc-js close as soon as the server asks clients to leave.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const open = new InFlight();
  return {
    accept(socket) {
      // HTTP/2 does not close a connection whose client has closed its half.
      socket.allowHalfOpen = false;
      const peer = peerOf(socket);
      open.begin();
      newConnections.add(peer);
      socket.once('close', () => {
        open.end();
        newConnections.remove(peer);
      });
      injector.injectConnection(socket);
    },
    drain() {
      health.stop();
      // A client whose first call is on its way would have to repeat it.
      void newConnections.waitForRequests().then(() => injector.drain(maxTimerMs));
    },
    async stop(maxMs) {
      await newConnections.waitForRequests();
      server.tryShutdown(() => {});
      await calls.waitUntilEmpty(maxMs);
      // Answers may still be in a buffer. Streams that watch the health would last until their clients end them.
      await open.waitUntilEmpty(maxSendMs);
      server.forceShutdown();
      admission.stop();
    },
  };
}

/** Returns the peer of a call as grpc-js formats it. */
function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress}:${remotePort}`;
}

/** Returns a handler that counts its requests among the calls of a server. */
function countedRequests(http: Http2Requests, calls: InFlight, newConnections: NewConnections<string>): Http2Requests {
  return {
    ...http,
    answer(arrival, served) {
      const { stream } = arrival;
      calls.begin();
      stream.once('close', () => calls.end());
      if (stream.session !== undefined) newConnections.remove(peerOf(stream.session.socket));
      http.answer(arrival, served);
    },
  };
}
/** Methods of reflection, in both versions. */
const reflectionMethods = {
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'bidi',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'bidi',
} as const;

function methodsOf({ role }: Service): readonly GrpcMethod[] {
  return role.kind === 'echo' ? [callOfMeshmock, ...echoMethods(role.form)] : [callOfMeshmock];
}

function echoFiles({ role }: Service): readonly string[] {
  return role.kind === 'echo' ? [echoProtoFile(role.form)] : [];
}

/** Returns the definition of a method as grpc-js registers it. */
function definitionOf(method: GrpcMethod): { readonly method: MethodDefinition<Buffer, Buffer> } {
  return {
    method: {
      path: `/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: sameBytes,
      requestDeserialize: sameBytes,
      responseSerialize: sameBytes,
      responseDeserialize: sameBytes,
    },
  };
}

/** Method of every meshmock, whose request is a plan. */
const callOfMeshmock: GrpcMethod = {
  name: callMethod,
  decode: (bytes) => ({ plan: planOf(decodeRequest(bytes), bytes.length), encode: encodeReplyMessage }),
};

/** Maximum time for answers that are being sent, in milliseconds. */
const maxSendMs = 200;

/** Longest time of a timer, in milliseconds. */
const maxTimerMs = 2 ** 31 - 1;

/** Answers one call. */
async function handle(
  service: Service,
  admission: CallAdmission,
  method: GrpcMethod,
  call: GrpcCall,
  respond: sendUnaryData<Buffer>,
): Promise<void> {
  const served = admission.take(call.metadata);
  // Its client has gone.
  if (served === undefined) return;
  served.beginExecution();
  const { budget } = served;
  const metadata = new Metadata();
  metadata.set(signatureHeader, signature(service.identity));
  let request: GrpcRequest;
  try {
    request = method.decode(call.request);
  } catch {
    served.beginAnswer(0);
    respond({ code: status.INTERNAL, details: 'the request cannot be decoded', metadata });
    return;
  }
  const headers: Headers = { ':authority': call.getHost(), ...headersOf(call.metadata) };
  const timeoutMs = timeLeftMs(call);
  const answered = await answer(service, {
    protocol: 'grpc',
    method: method.name,
    plan: request.plan,
    headers,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    connection: served.facts,
    signal: clientClosedSignal(call, served),
    budget,
  });
  if (answered.kind === 'reset') {
    served.beginAnswer(0);
    respond({ code: status.UNAVAILABLE, details: resetDetails, metadata: metadataOf({ [resetTrailer]: '1' }) });
    return;
  }
  metadata.merge(metadataOf(headerFields(answered.headers)));
  if (answered.reply.status >= 400) metadata.merge(metadataOf(headerFields(answered.trailers)));
  const limitBytes = detailsLimitOf(headers[detailsLimitHeader]);
  const sent = encodeAnswer(answered, new RequestParseRoom(service.budgets, budget, copiesOfMessage), (reply) =>
    reply.status >= 400
      ? { kind: 'error', status: errorStatusOf(reply, limitBytes, metadata) }
      : { kind: 'message', bytes: request.encode(reply, call) },
  );
  const bytes = sent.kind === 'message' ? sent.bytes.length : copiesOfDetails * detailsBytesOf(metadata);
  budget.settle(copiesOfMessage * bytes);
  served.beginAnswer(bytes);
  if (sent.kind === 'error') {
    respond(sent.status);
  } else {
    call.sendMetadata(metadata);
    respond(null, sent.bytes, answered.trailers.length === 0 ? undefined : metadataOf(headerFields(answered.trailers)));
  }
  // Only the frame is left.
  budget.settle(bytes);
}

function planOf(decoded: DecodedRequest, bytes: number): PlanSource {
  if (decoded.kind === 'undecodable') {
    const message = `this is not a meshmock.v1.CallRequest: ${decoded.reason}`;
    return { kind: 'unreadable', error: new MeshmockError('bad_request', message) };
  }
  const { path, plan } = decoded.request;
  if (path !== undefined) return { kind: 'path', path };
  if (plan) return { kind: 'message', message: plan, bytes };
  const message = 'the request is empty: send {"path": "/@service1/hello"} or {"plan": {…}}';
  return { kind: 'unreadable', error: new MeshmockError('bad_request', message) };
}
