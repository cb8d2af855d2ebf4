// Original file: proto/meshmock/v1/meshmock.proto

import type { Request as _meshmock_v1_Request, Request__Output as _meshmock_v1_Request__Output } from '../../meshmock/v1/Request.ts';
import type { CalleeMesh as _meshmock_v1_CalleeMesh, CalleeMesh__Output as _meshmock_v1_CalleeMesh__Output } from '../../meshmock/v1/CalleeMesh.ts';
import type { CallResult as _meshmock_v1_CallResult, CallResult__Output as _meshmock_v1_CallResult__Output } from '../../meshmock/v1/CallResult.ts';
import type { Error as _meshmock_v1_Error, Error__Output as _meshmock_v1_Error__Output } from '../../meshmock/v1/Error.ts';

export interface Reply {
  'service'?: (string);
  'version'?: (string);
  'pod'?: (string);
  'namespace'?: (string);
  'node'?: (string);
  'zone'?: (string);
  'request'?: (_meshmock_v1_Request | null);
  'status'?: (number);
  'grpcStatus'?: (string);
  'body'?: (string);
  'durationMs'?: (number | string);
  'traceId'?: (string);
  'mesh'?: (_meshmock_v1_CalleeMesh | null);
  'calls'?: (_meshmock_v1_CallResult)[];
  'error'?: (_meshmock_v1_Error | null);
  'try'?: (string)[];
  'prunedCalls'?: (number);
  'behaviour'?: (string)[];
  'spanId'?: (string);
  '_durationMs'?: "durationMs";
}

export interface Reply__Output {
  'service'?: (string);
  'version'?: (string);
  'pod'?: (string);
  'namespace'?: (string);
  'node'?: (string);
  'zone'?: (string);
  'request'?: (_meshmock_v1_Request__Output);
  'status'?: (number);
  'grpcStatus'?: (string);
  'body'?: (string);
  'durationMs'?: (number);
  'traceId'?: (string);
  'mesh'?: (_meshmock_v1_CalleeMesh__Output);
  'calls'?: (_meshmock_v1_CallResult__Output)[];
  'error'?: (_meshmock_v1_Error__Output);
  'try'?: (string)[];
  'prunedCalls'?: (number);
  'behaviour'?: (string)[];
  'spanId'?: (string);
}
