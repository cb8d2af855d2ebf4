import { setTimeout } from 'node:timers/promises';
import { Metadata, type MethodDefinition, Server, type sendUnaryData, status } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { MeshmockError } from '../error/meshmock-error.ts';
import { calleeTimeoutMs } from '../execute/allowance.ts';
import { answer } from '../execute/answer.ts';
import { maxReplyBytes } from '../execute/client.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import type { PlanSource } from '../execute/incoming.ts';
import { type Service, signature } from '../execute/service.ts';
import { headerFields } from '../plan/plan.ts';
import { readReply } from '../reply/json.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { callMethod } from '../reply/reply.ts';
import {
  type DecodedRequest,
  decodeRequest,
  encodeReplyMessage,
  headersOf,
  maxRequestBytes,
  metadataOf,
  resetTrailer,
  serviceName,
} from './codec.ts';
import { echoMethods, echoProtoFile } from './echo-form.ts';
import type { GrpcCall, GrpcMethod, GrpcRequest } from './method.ts';
import { reflectedDefinition } from './reflection.ts';
import { detailsLimitHeader, detailsLimitOf, errorStatusOf } from './status-details.ts';

/** gRPC server of a service. */
export interface GrpcServer {
  readonly server: Server;
  /**
   * Makes health report NOT_SERVING, answers the calls in flight, and closes.
   *
   * @param maxMs maximum time for the calls in flight, in milliseconds
   */
  stop(maxMs: number): Promise<void>;
}

/** Creates the gRPC server of a service, with reflection and health. It does not listen yet. */
export function createGrpcServer(service: Service): GrpcServer {
  const server = new Server({
    // Our own error refuses larger requests, up to a size that is not read at all.
    'grpc.max_receive_message_length': 16 * maxRequestBytes,
    'grpc.max_send_message_length': maxReplyBytes,
  });
  const calls = new InFlight();
  for (const method of methodsOf(service))
    server.addService(definitionOf(method), {
      method: (call: GrpcCall, respond: sendUnaryData<Buffer>) => {
        calls.begin();
        void handle(service, method.name, call, respond).finally(() => calls.end());
      },
    });
  new ReflectionService(reflectedDefinition(echoFiles(service))).addToServer(server);
  const health = new HealthImplementation({ '': 'SERVING', [serviceName]: 'SERVING' });
  health.addToServer(server);
  return {
    server,
    async stop(maxMs) {
      health.setStatus('', 'NOT_SERVING');
      health.setStatus(serviceName, 'NOT_SERVING');
      const shutDown = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await calls.waitUntilEmpty(maxMs);
      // Streams that watch the health would last until their clients end them.
      await Promise.race([shutDown, setTimeout(maxSendMs, undefined, { ref: false })]);
      server.forceShutdown();
    },
  };
}

function methodsOf({ role }: Service): readonly GrpcMethod[] {
  return role.kind === 'echo' ? [callOfMeshmock, ...echoMethods(role.form)] : [callOfMeshmock];
}

function echoFiles({ role }: Service): readonly string[] {
  return role.kind === 'echo' ? [echoProtoFile(role.form)] : [];
}

/** Returns the definition of a method as grpc-js registers it. */
function definitionOf(method: GrpcMethod): { readonly method: MethodDefinition<GrpcRequest, Buffer> } {
  return {
    method: {
      path: `/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: (bytes) => method.decode(bytes),
      responseSerialize: (encoded) => encoded,
      responseDeserialize: (bytes) => bytes,
    },
  };
}

/** Method of every meshmock, whose request is a plan. */
const callOfMeshmock: GrpcMethod = {
  name: callMethod,
  decode: (bytes) => ({ plan: planOf(decodeRequest(bytes)), encode: encodeReplyMessage }),
};

const resetDetails = 'connection reset by a ~close directive';

/** Maximum time for answers that are being sent, in milliseconds. */
const maxSendMs = 200;

/** Answers one call. Never rejects. */
async function handle(service: Service, method: string, call: GrpcCall, respond: sendUnaryData<Buffer>): Promise<void> {
  const metadata = new Metadata();
  metadata.set(signatureHeader, signature(service.identity));
  try {
    const headers: Headers = { ':authority': call.getHost(), ...headersOf(call.metadata) };
    const timeoutMs = timeLeftMs(call);
    const answered = await answer(service, {
      protocol: 'grpc',
      method,
      plan: call.request.plan,
      headers,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      signal: clientClosedSignal(call),
    });
    if (answered.kind === 'reset') {
      respond({ code: status.UNAVAILABLE, details: resetDetails, metadata: metadataOf({ [resetTrailer]: '1' }) });
      return;
    }
    metadata.merge(metadataOf(headerFields(answered.headers)));
    const reply = readReply(answered.reply);
    if (reply.status >= 400) {
      respond(errorStatusOf(reply, detailsLimitOf(headers[detailsLimitHeader]), metadata));
    } else {
      const encoded = call.request.encode(reply, call);
      call.sendMetadata(metadata);
      respond(null, encoded);
    }
  } catch (error) {
    respond({
      code: status.INTERNAL,
      details: `the reply cannot be sent over gRPC: ${(error as Error).message}`,
      metadata,
    });
  }
}

function planOf(decoded: DecodedRequest): PlanSource {
  if (decoded.kind === 'undecodable') {
    const message = `this is not a meshmock.v1.CallRequest: ${decoded.reason}`;
    return { kind: 'unreadable', error: new MeshmockError('bad_request', message) };
  }
  const { path, plan } = decoded.request;
  if (path !== undefined) return { kind: 'path', path };
  if (plan) return { kind: 'message', message: plan };
  const message = 'the request is empty: send {"path": "/@service1/hello"} or {"plan": {…}}';
  return { kind: 'unreadable', error: new MeshmockError('bad_request', message) };
}

/** Returns the deadline that the caller set, less a margin for the way back. */
function timeLeftMs(call: GrpcCall): number | undefined {
  const deadline = call.getDeadline();
  const leftMs = (typeof deadline === 'number' ? deadline : deadline.getTime()) - Date.now();
  return Number.isFinite(leftMs) ? calleeTimeoutMs(Math.max(0, leftMs)) : undefined;
}

/** Returns a signal that is aborted when the caller cancels or has gone. */
function clientClosedSignal(call: GrpcCall): AbortSignal {
  const controller = new AbortController();
  call.once('cancelled', () => controller.abort());
  if (call.cancelled) controller.abort();
  return controller.signal;
}
