import { Metadata, Server, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { calleeTimeoutMs } from '../execute/allowance.ts';
import { answer } from '../execute/answer.ts';
import { largestReplyBytes } from '../execute/client.ts';
import type { PlanSource } from '../execute/incoming.ts';
import { type Service, signature, signatureHeader } from '../execute/service.ts';
import { MeshmockError } from '../plan/error.ts';
import type { Headers } from '../reply/evidence.ts';
import { readReply } from '../reply/json.ts';
import { requestError } from '../reply/refusal.ts';
import type { Reply } from '../reply/reply.ts';
import { statusOfError } from '../reply/status.ts';
import { callMethod, type DecodedRequest, decodeRequest, encodeReplyMessage, headersOf, serviceName } from './codec.ts';
import { reflectedDefinition } from './reflection.ts';
import { detailsLimitHeader, detailsLimitOf, errorStatusOf } from './status-details.ts';

export interface GrpcServer {
  readonly server: Server;
  /** Answers what is under way, for as long as that may take at most, then closes. From the start health says NOT_SERVING. */
  stop(longestMs: number): Promise<void>;
}

type Call = ServerUnaryCall<DecodedRequest, Reply>;

/** Makes the gRPC server of a service, with reflection and health; it does not listen yet. */
export function createGrpcServer(service: Service): GrpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': largestReplyBytes,
    'grpc.max_send_message_length': largestReplyBytes,
  });
  const definition = {
    Call: {
      path: `/${callMethod}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: decodeRequest,
      responseSerialize: encodeReplyMessage,
      responseDeserialize: () => ({}),
    },
  } as const;
  server.addService(definition, {
    Call: (call: Call, respond: sendUnaryData<Reply>) => void handle(service, call, respond),
  });
  new ReflectionService(reflectedDefinition()).addToServer(server);
  const health = new HealthImplementation({ '': 'SERVING', [serviceName]: 'SERVING' });
  health.addToServer(server);
  return {
    server,
    stop(longestMs) {
      health.setStatus('', 'NOT_SERVING');
      health.setStatus(serviceName, 'NOT_SERVING');
      return shutDown(server, longestMs);
    },
  };
}

async function handle(service: Service, call: Call, respond: sendUnaryData<Reply>): Promise<void> {
  const headers: Headers = { ':authority': call.getHost(), ...headersOf(call.metadata) };
  const plan = planOf(call.request);
  const timeoutMs = timeLeftMs(call);
  const reply =
    plan instanceof MeshmockError
      ? { ...service.identity, status: statusOfError[plan.code], error: requestError(plan) }
      : readReply(
          await answer(service, {
            protocol: 'grpc',
            method: callMethod,
            plan,
            headers,
            ...(timeoutMs === undefined ? {} : { timeoutMs }),
            signal: goneSignal(call),
          }),
        );
  const metadata = new Metadata();
  metadata.set(signatureHeader, signature(service.identity));
  if (reply.status >= 400) {
    respond(errorStatusOf(reply, detailsLimitOf(headers[detailsLimitHeader]), metadata));
  } else {
    call.sendMetadata(metadata);
    respond(null, reply);
  }
}

function planOf(decoded: DecodedRequest): PlanSource | MeshmockError {
  if ('undecodable' in decoded) {
    return new MeshmockError('bad_request', `this is no meshmock.v1.CallRequest: ${decoded.undecodable}`);
  }
  const { path, plan } = decoded.request;
  if (path !== undefined) return { kind: 'path', path };
  if (plan) return { kind: 'message', message: plan };
  return new MeshmockError('bad_request', 'the request is empty: give {"path": "/@service1/hello"} or {"plan": {…}}');
}

/** The deadline that the caller set, less what the way back takes. */
function timeLeftMs(call: Call): number | undefined {
  const deadline = call.getDeadline();
  const leftMs = (typeof deadline === 'number' ? deadline : deadline.getTime()) - Date.now();
  return Number.isFinite(leftMs) ? calleeTimeoutMs(Math.max(0, leftMs)) : undefined;
}

/** Aborted when the caller cancels, or is gone. */
function goneSignal(call: Call): AbortSignal {
  const controller = new AbortController();
  call.once('cancelled', () => controller.abort());
  if (call.cancelled) controller.abort();
  return controller.signal;
}

function shutDown(server: Server, longestMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, longestMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
