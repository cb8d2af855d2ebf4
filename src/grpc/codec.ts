import { fileURLToPath } from 'node:url';
import { Metadata } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import type { PlanMessage } from '../plan/message.ts';
import { maxPlanDepth } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { Reply } from '../reply/reply.ts';
import type { CallRequest__Output } from './generated/meshmock/v1/CallRequest.ts';
import type { Plan__Output } from './generated/meshmock/v1/Plan.ts';
import type { Reply as ReplyMessage } from './generated/meshmock/v1/Reply.ts';

export const serviceName = 'meshmock.v1.MeshMock';

export const protoRoot = fileURLToPath(new URL('../../proto', import.meta.url));
export const protoFile = 'meshmock/v1/meshmock.proto';

// A plan takes three nested messages for each of its levels, a reply two: protobufjs stops at 100 by itself.
const deepestMessage = 3 * maxPlanDepth + 10;
protobuf.util.recursionLimit = deepestMessage;
protobuf.Reader.recursionLimit = deepestMessage;

const packageDefinition = loadSync(protoFile, { includeDirs: [protoRoot], longs: Number, enums: String });

interface CallDefinition {
  readonly Call: MethodDefinition<object, object, CallRequest__Output, ReplyMessage>;
}

const { Call } = packageDefinition[serviceName] as unknown as CallDefinition;

/** The types of `plan` and `reply` are the generated ones: this line does not compile when they drift apart. */
type Same<A, B extends A> = B;
export type Checked = [Same<PlanMessage, Plan__Output>, Same<ReplyMessage, Reply>];

/** A request carries a plan, and may be as large as one may be over HTTP. */
export const largestRequestBytes = 64 * 1024;

/** Encodes a request, always as a path. */
export const encodeRequest = (request: { path: string }): Buffer => Call.requestSerialize(request);
/** Encodes a reply whose children have all been read. */
export const encodeReplyMessage = (reply: Reply): Buffer => Call.responseSerialize(reply);

/** Decodes a reply; its closed sets are trusted to be what a meshmock writes. */
export const decodeReplyMessage = (bytes: Buffer): Reply => Call.responseDeserialize(bytes) as unknown as Reply;

/** A request that could not be decoded is data: the handler answers it with what is wrong. */
export type DecodedRequest = { readonly request: CallRequest__Output } | { readonly undecodable: string };

/** Decodes a request, or says why that cannot be done. Never throws. */
export function decodeRequest(bytes: Buffer): DecodedRequest {
  if (bytes.length > largestRequestBytes) return { undecodable: `it is larger than ${largestRequestBytes} bytes` };
  try {
    return { request: Call.requestDeserialize(bytes) };
  } catch (error) {
    return { undecodable: (error as Error).message };
  }
}

/**
 * In the trailers of a call that is to be seen as reset, by a caller that is a meshmock: others see UNAVAILABLE alone.
 * A real reset would take the calls along that share its connection.
 */
export const resetTrailer = 'x-meshmock-reset';

/** Metadata as headers: binary values are base64, as they are on the wire. */
export function headersOf(metadata: Metadata): Headers {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(metadata.toHttp2Headers())) {
    headers[name] = Array.isArray(values) ? values.join(', ') : String(values);
  }
  return headers;
}

/** gRPC's own, which the library sets. */
const reserved = /^(?:grpc-(?!trace-bin$)|user-agent$|host$|te$|content-type$|connection$)/;

/** Headers as metadata. What metadata cannot carry, names or values beyond printable ASCII, stays behind. */
export function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (reserved.test(name) || !/^[0-9a-z_.-]+$/.test(name)) continue;
    if (name.endsWith('-bin')) metadata.set(name, Buffer.from(value, 'base64'));
    else if (/^[\x20-\x7e]*$/.test(value)) metadata.set(name, value);
  }
  return metadata;
}
