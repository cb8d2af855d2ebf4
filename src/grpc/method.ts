import type { ServerUnaryCall } from '@grpc/grpc-js';
import type { PlanSource } from '../execute/incoming.ts';
import type { Reply } from '../reply/reply.ts';

/** gRPC method of a service. */
export interface GrpcMethod {
  /** Full name, such as `meshmock.v1.MeshMock/Call`. */
  readonly name: string;
  /**
   * Decodes a request.
   *
   * @throws Error if the bytes are not a request
   */
  decode(bytes: Buffer): GrpcRequest;
}

/** Decoded request. */
export interface GrpcRequest {
  readonly plan: PlanSource;
  /** Encodes the reply of a call that succeeded. */
  encode(reply: Reply, call: GrpcCall): Buffer;
}

/** Call with the bytes of its request. They are decoded when there is room for them. */
export type GrpcCall = ServerUnaryCall<Buffer, Buffer>;
