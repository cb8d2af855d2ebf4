import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Call as _meshmock_v1_Call, Call__Output as _meshmock_v1_Call__Output } from './meshmock/v1/Call.ts';
import type { CallError as _meshmock_v1_CallError, CallError__Output as _meshmock_v1_CallError__Output } from './meshmock/v1/CallError.ts';
import type { CallOptions as _meshmock_v1_CallOptions, CallOptions__Output as _meshmock_v1_CallOptions__Output } from './meshmock/v1/CallOptions.ts';
import type { CallRequest as _meshmock_v1_CallRequest, CallRequest__Output as _meshmock_v1_CallRequest__Output } from './meshmock/v1/CallRequest.ts';
import type { CallResult as _meshmock_v1_CallResult, CallResult__Output as _meshmock_v1_CallResult__Output } from './meshmock/v1/CallResult.ts';
import type { CalleeMesh as _meshmock_v1_CalleeMesh, CalleeMesh__Output as _meshmock_v1_CalleeMesh__Output } from './meshmock/v1/CalleeMesh.ts';
import type { CallerMesh as _meshmock_v1_CallerMesh, CallerMesh__Output as _meshmock_v1_CallerMesh__Output } from './meshmock/v1/CallerMesh.ts';
import type { Condition as _meshmock_v1_Condition, Condition__Output as _meshmock_v1_Condition__Output } from './meshmock/v1/Condition.ts';
import type { Delay as _meshmock_v1_Delay, Delay__Output as _meshmock_v1_Delay__Output } from './meshmock/v1/Delay.ts';
import type { DelayPercentile as _meshmock_v1_DelayPercentile, DelayPercentile__Output as _meshmock_v1_DelayPercentile__Output } from './meshmock/v1/DelayPercentile.ts';
import type { DelayPercentiles as _meshmock_v1_DelayPercentiles, DelayPercentiles__Output as _meshmock_v1_DelayPercentiles__Output } from './meshmock/v1/DelayPercentiles.ts';
import type { DelayRange as _meshmock_v1_DelayRange, DelayRange__Output as _meshmock_v1_DelayRange__Output } from './meshmock/v1/DelayRange.ts';
import type { Directive as _meshmock_v1_Directive, Directive__Output as _meshmock_v1_Directive__Output } from './meshmock/v1/Directive.ts';
import type { Error as _meshmock_v1_Error, Error__Output as _meshmock_v1_Error__Output } from './meshmock/v1/Error.ts';
import type { ExactShare as _meshmock_v1_ExactShare, ExactShare__Output as _meshmock_v1_ExactShare__Output } from './meshmock/v1/ExactShare.ts';
import type { Header as _meshmock_v1_Header, Header__Output as _meshmock_v1_Header__Output } from './meshmock/v1/Header.ts';
import type { Latency as _meshmock_v1_Latency, Latency__Output as _meshmock_v1_Latency__Output } from './meshmock/v1/Latency.ts';
import type { MeshMockClient as _meshmock_v1_MeshMockClient, MeshMockDefinition as _meshmock_v1_MeshMockDefinition } from './meshmock/v1/MeshMock.ts';
import type { Pace as _meshmock_v1_Pace, Pace__Output as _meshmock_v1_Pace__Output } from './meshmock/v1/Pace.ts';
import type { Plan as _meshmock_v1_Plan, Plan__Output as _meshmock_v1_Plan__Output } from './meshmock/v1/Plan.ts';
import type { PrunedReply as _meshmock_v1_PrunedReply, PrunedReply__Output as _meshmock_v1_PrunedReply__Output } from './meshmock/v1/PrunedReply.ts';
import type { Refusal as _meshmock_v1_Refusal, Refusal__Output as _meshmock_v1_Refusal__Output } from './meshmock/v1/Refusal.ts';
import type { Reply as _meshmock_v1_Reply, Reply__Output as _meshmock_v1_Reply__Output } from './meshmock/v1/Reply.ts';
import type { Request as _meshmock_v1_Request, Request__Output as _meshmock_v1_Request__Output } from './meshmock/v1/Request.ts';
import type { Sample as _meshmock_v1_Sample, Sample__Output as _meshmock_v1_Sample__Output } from './meshmock/v1/Sample.ts';
import type { Stage as _meshmock_v1_Stage, Stage__Output as _meshmock_v1_Stage__Output } from './meshmock/v1/Stage.ts';
import type { Stream as _meshmock_v1_Stream, Stream__Output as _meshmock_v1_Stream__Output } from './meshmock/v1/Stream.ts';
import type { Summary as _meshmock_v1_Summary, Summary__Output as _meshmock_v1_Summary__Output } from './meshmock/v1/Summary.ts';
import type { Tls as _meshmock_v1_Tls, Tls__Output as _meshmock_v1_Tls__Output } from './meshmock/v1/Tls.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  meshmock: {
    v1: {
      Call: MessageTypeDefinition<_meshmock_v1_Call, _meshmock_v1_Call__Output>
      CallError: MessageTypeDefinition<_meshmock_v1_CallError, _meshmock_v1_CallError__Output>
      CallOptions: MessageTypeDefinition<_meshmock_v1_CallOptions, _meshmock_v1_CallOptions__Output>
      CallRequest: MessageTypeDefinition<_meshmock_v1_CallRequest, _meshmock_v1_CallRequest__Output>
      CallResult: MessageTypeDefinition<_meshmock_v1_CallResult, _meshmock_v1_CallResult__Output>
      CalleeMesh: MessageTypeDefinition<_meshmock_v1_CalleeMesh, _meshmock_v1_CalleeMesh__Output>
      CallerMesh: MessageTypeDefinition<_meshmock_v1_CallerMesh, _meshmock_v1_CallerMesh__Output>
      Condition: MessageTypeDefinition<_meshmock_v1_Condition, _meshmock_v1_Condition__Output>
      Delay: MessageTypeDefinition<_meshmock_v1_Delay, _meshmock_v1_Delay__Output>
      DelayPercentile: MessageTypeDefinition<_meshmock_v1_DelayPercentile, _meshmock_v1_DelayPercentile__Output>
      DelayPercentiles: MessageTypeDefinition<_meshmock_v1_DelayPercentiles, _meshmock_v1_DelayPercentiles__Output>
      DelayRange: MessageTypeDefinition<_meshmock_v1_DelayRange, _meshmock_v1_DelayRange__Output>
      Directive: MessageTypeDefinition<_meshmock_v1_Directive, _meshmock_v1_Directive__Output>
      Error: MessageTypeDefinition<_meshmock_v1_Error, _meshmock_v1_Error__Output>
      ExactShare: MessageTypeDefinition<_meshmock_v1_ExactShare, _meshmock_v1_ExactShare__Output>
      Header: MessageTypeDefinition<_meshmock_v1_Header, _meshmock_v1_Header__Output>
      Latency: MessageTypeDefinition<_meshmock_v1_Latency, _meshmock_v1_Latency__Output>
      MeshMock: SubtypeConstructor<typeof grpc.Client, _meshmock_v1_MeshMockClient> & { service: _meshmock_v1_MeshMockDefinition }
      Pace: MessageTypeDefinition<_meshmock_v1_Pace, _meshmock_v1_Pace__Output>
      Plan: MessageTypeDefinition<_meshmock_v1_Plan, _meshmock_v1_Plan__Output>
      PrunedReply: MessageTypeDefinition<_meshmock_v1_PrunedReply, _meshmock_v1_PrunedReply__Output>
      Refusal: MessageTypeDefinition<_meshmock_v1_Refusal, _meshmock_v1_Refusal__Output>
      Reply: MessageTypeDefinition<_meshmock_v1_Reply, _meshmock_v1_Reply__Output>
      Request: MessageTypeDefinition<_meshmock_v1_Request, _meshmock_v1_Request__Output>
      Sample: MessageTypeDefinition<_meshmock_v1_Sample, _meshmock_v1_Sample__Output>
      Stage: MessageTypeDefinition<_meshmock_v1_Stage, _meshmock_v1_Stage__Output>
      Stream: MessageTypeDefinition<_meshmock_v1_Stream, _meshmock_v1_Stream__Output>
      Summary: MessageTypeDefinition<_meshmock_v1_Summary, _meshmock_v1_Summary__Output>
      Tls: MessageTypeDefinition<_meshmock_v1_Tls, _meshmock_v1_Tls__Output>
    }
  }
}

