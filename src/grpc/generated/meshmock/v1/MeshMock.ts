// Original file: proto/meshmock/v1/meshmock.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CallRequest as _meshmock_v1_CallRequest, CallRequest__Output as _meshmock_v1_CallRequest__Output } from '../../meshmock/v1/CallRequest.ts';
import type { Reply as _meshmock_v1_Reply, Reply__Output as _meshmock_v1_Reply__Output } from '../../meshmock/v1/Reply.ts';

export interface MeshMockClient extends grpc.Client {
  Call(argument: _meshmock_v1_CallRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  Call(argument: _meshmock_v1_CallRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  Call(argument: _meshmock_v1_CallRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  Call(argument: _meshmock_v1_CallRequest, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  call(argument: _meshmock_v1_CallRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  call(argument: _meshmock_v1_CallRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  call(argument: _meshmock_v1_CallRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  call(argument: _meshmock_v1_CallRequest, callback: grpc.requestCallback<_meshmock_v1_Reply__Output>): grpc.ClientUnaryCall;
  
}

export interface MeshMockHandlers extends grpc.UntypedServiceImplementation {
  Call: grpc.handleUnaryCall<_meshmock_v1_CallRequest__Output, _meshmock_v1_Reply>;
  
}

export interface MeshMockDefinition extends grpc.ServiceDefinition {
  Call: MethodDefinition<_meshmock_v1_CallRequest, _meshmock_v1_Reply, _meshmock_v1_CallRequest__Output, _meshmock_v1_Reply__Output>
}
