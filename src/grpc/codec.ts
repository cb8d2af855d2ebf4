import { Metadata } from '@grpc/grpc-js';
import type { IConversionOptions } from 'protobufjs';
import type { PlanMessage } from '../plan/message.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { Reply } from '../reply/reply.ts';
import type { CallRequest__Output } from './generated/meshmock/v1/CallRequest.ts';
import type { Plan__Output } from './generated/meshmock/v1/Plan.ts';
import type { Reply as ReplyMessage } from './generated/meshmock/v1/Reply.ts';
import { messageType } from './schema.ts';

export const serviceName = 'meshmock.v1.MeshMock';

/** Types of the messages of the method `Call`. */
const requestType = 'meshmock.v1.CallRequest';
const replyType = 'meshmock.v1.Reply';

/** Form of decoded messages, which the generated types describe. */
const decodedForm: IConversionOptions = { longs: Number, enums: String };

function encode(typeName: string, message: object): Buffer {
  const type = messageType(typeName);
  const { buffer, byteOffset, byteLength } = type.encode(type.fromObject(message)).finish();
  return Buffer.from(buffer, byteOffset, byteLength);
}

function decode(typeName: string, bytes: Uint8Array): object {
  const type = messageType(typeName);
  return type.toObject(type.decode(bytes), decodedForm);
}

/** Proof that the types of `plan` and `reply` equal the generated types: this line does not compile otherwise. */
type Same<A, B extends A> = B;
export type TypesEqual = [Same<PlanMessage, Plan__Output>, Same<ReplyMessage, Reply>];

/** Maximum size of a request, in bytes. It carries a plan, and HTTP allows the same. */
export const maxRequestBytes = 64 * 1024;

/** Encodes a request, always as a path. */
export const encodeRequest = (request: { path: string }): Buffer => encode(requestType, request);
/** Encodes a reply whose children are all parsed. */
export const encodeReplyMessage = (reply: Reply): Buffer => encode(replyType, reply);

/** Decodes a reply. The values of its closed sets are trusted, since a meshmock wrote them. */
export const decodeReplyMessage = (bytes: Buffer): Reply => decode(replyType, bytes) as Reply;

/** Decoded request, or the reason why it cannot be decoded, which the handler puts into its answer. */
export type DecodedRequest =
  | { readonly kind: 'decoded'; readonly request: CallRequest__Output }
  | { readonly kind: 'undecodable'; readonly reason: string };

/** Decodes a request. Never throws. */
export function decodeRequest(bytes: Buffer): DecodedRequest {
  try {
    return { kind: 'decoded', request: decode(requestType, bytes) as CallRequest__Output };
  } catch (error) {
    return { kind: 'undecodable', reason: (error as Error).message };
  }
}

/**
 * Trailer of a call that a meshmock must report as reset. Other callers see UNAVAILABLE alone. A real reset would also end
 * the other calls on the connection.
 */
export const resetTrailer = 'x-meshmock-reset';

/** Returns metadata as headers. Binary values are base64, as on the wire. */
export function headersOf(metadata: Metadata): Headers {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(metadata.toHttp2Headers())) {
    headers[name] = Array.isArray(values) ? values.join(', ') : String(values);
  }
  return headers;
}

/** Headers of gRPC itself, which the library sets. */
const reserved = /^(?:grpc-(?!trace-bin$)|user-agent$|host$|te$|content-type$|connection$)/;

/** Returns headers as metadata. Names and values beyond printable ASCII are dropped, since metadata cannot hold them. */
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

/** Serializes or deserializes a message that is bytes already. */
export const sameBytes = (bytes: Buffer): Buffer => bytes;
