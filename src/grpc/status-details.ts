import type { Metadata, StatusObject } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { firstBytes } from '../error/text-bytes.ts';
import type { GrpcStatusName } from '../plan/plan.ts';
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
const defaultDetailsBytes = 4 * 1024;

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
  const value = encodeReplyMessage(pruneReply(reply, (pruned) => encodeReplyMessage(pruned).length <= limitBytes));
  const status = Status.encode(Status.create({ code, message: details, details: [{ typeUrl, value }] })).finish();
  metadata.set(detailsTrailer, Buffer.from(status));
  return { code, details, metadata };
}

/** Returns the reply in the details of a gRPC status, or undefined if the details hold none. */
export function replyInDetails(metadata: Metadata): Reply | undefined {
  const [bytes] = metadata.get(detailsTrailer);
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const status = Status.toObject(Status.decode(bytes)) as { details?: { typeUrl?: string; value?: Uint8Array }[] };
    const detail = status.details?.find((any) => any.typeUrl === typeUrl);
    return detail?.value === undefined ? undefined : decodeReplyMessage(Buffer.from(detail.value));
  } catch {
    return undefined;
  }
}
