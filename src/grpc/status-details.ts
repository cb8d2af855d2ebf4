import type { Metadata, StatusObject } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import { firstBytes } from '../error/text-bytes.ts';
import type { GrpcStatusName } from '../plan/plan.ts';
import { retryAfterSeconds } from '../reply/mesh-headers.ts';
import { maxTextBytes, pruneReply } from '../reply/prune.ts';
import type { Reply } from '../reply/reply.ts';
import { grpcCodeOf, grpcStatusOf } from '../reply/status.ts';
import { decodeReplyMessage, encodeReplyMessage } from './codec.ts';

/** Trailer of rich errors (grpc.io/docs/guides/error, "Richer error model"). */
const detailsTrailer = 'grpc-status-details-bin';
const typeUrl = 'type.googleapis.com/meshmock.v1.Reply';

/**
 * Header of a request: maximum size of details that the caller accepts, in bytes. Clients of other languages accept 8 KiB
 * of headers in total (default of gRPC core), so they get less. A meshmock accepts as much as Envoy's 60 KiB allow.
 */
export const detailsLimitHeader = 'x-meshmock-details-bytes';
export const meshmockDetailsBytes = 36 * 1024;
export const defaultDetailsBytes = 4 * 1024;

/** Details of the status of a call that a directive resets. */
export const resetDetails = 'connection reset by a ~close directive';

/** Trailer that says when a client with a retry policy may try again, in milliseconds (gRPC, A6 "Pushback"). */
const pushbackTrailer = 'grpc-retry-pushback-ms';

/** google/rpc/status.proto, with google.protobuf.Any. */
const Any = new protobuf.Type('Any')
  .add(new protobuf.Field('typeUrl', 1, 'string'))
  .add(new protobuf.Field('value', 2, 'bytes'));
const Status = new protobuf.Type('Status')
  .add(new protobuf.Field('code', 1, 'int32'))
  .add(new protobuf.Field('message', 2, 'string'))
  .add(new protobuf.Field('details', 3, 'Any', 'repeated'))
  .add(Any);

/** Returns the maximum size of details that a caller accepts, in bytes. */
export function detailsLimitOf(header: string | undefined): number {
  const bytes = Number(header);
  return Number.isInteger(bytes) && bytes > 0 ? Math.min(bytes, meshmockDetailsBytes) : defaultDetailsBytes;
}

/** Returns a reply of status 400 or more as a gRPC status. Its details hold the tree, pruned to a number of bytes. */
export function errorStatusOf(reply: Reply, limitBytes: number, metadata: Metadata): Partial<StatusObject> {
  const name = (reply.grpcStatus ?? grpcStatusOf(reply.status)) as GrpcStatusName;
  const code = grpcCodeOf(name);
  const message = reply.error?.message ?? `${reply.service} answers with status ${reply.status}`;
  const details = firstBytes(message, maxTextBytes);
  const value = prunedMessage(reply, limitBytes);
  const status = Status.encode(Status.create({ code, message: details, details: [{ typeUrl, value }] })).finish();
  metadata.set(detailsTrailer, Buffer.from(status));
  if (reply.error?.code === 'overloaded') metadata.set(pushbackTrailer, String(1000 * retryAfterSeconds));
  return { code, details, metadata };
}

/** Encodes a reply, pruned to a number of bytes. */
export function prunedMessage(reply: Reply, limitBytes: number): Buffer {
  return encodeReplyMessage(pruneReply(reply, (pruned) => encodeReplyMessage(pruned).length <= limitBytes));
}

/** Returns the size of the details that metadata holds, in bytes. */
export function detailsBytesOf(metadata: Metadata): number {
  return metadata.get(detailsTrailer)[0]?.length ?? 0;
}

/** Returns the encoded reply in the details of a gRPC status, or undefined if the details hold none. */
export function replyInDetails(metadata: Metadata): Buffer | undefined {
  const [bytes] = metadata.get(detailsTrailer);
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const status = Status.toObject(Status.decode(bytes)) as { details?: { typeUrl?: string; value?: Uint8Array }[] };
    const detail = status.details?.find((any) => any.typeUrl === typeUrl);
    return detail?.value === undefined ? undefined : Buffer.from(detail.value);
  } catch {
    return undefined;
  }
}

/** Decodes a reply, or returns undefined if the bytes are not one. */
export function readReplyMessage(message: Buffer): Reply | undefined {
  try {
    return decodeReplyMessage(message);
  } catch {
    return undefined;
  }
}
