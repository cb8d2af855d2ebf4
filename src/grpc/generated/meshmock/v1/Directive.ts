// Original file: proto/meshmock/v1/meshmock.proto

import type { Delay as _meshmock_v1_Delay, Delay__Output as _meshmock_v1_Delay__Output } from '../../meshmock/v1/Delay.ts';
import type { Header as _meshmock_v1_Header, Header__Output as _meshmock_v1_Header__Output } from '../../meshmock/v1/Header.ts';
import type { Condition as _meshmock_v1_Condition, Condition__Output as _meshmock_v1_Condition__Output } from '../../meshmock/v1/Condition.ts';
import type { Pace as _meshmock_v1_Pace, Pace__Output as _meshmock_v1_Pace__Output } from '../../meshmock/v1/Pace.ts';

export interface Directive {
  'delay'?: (_meshmock_v1_Delay | null);
  'status'?: (number);
  'grpcStatus'?: (string);
  'close'?: (boolean);
  'hang'?: (boolean);
  'sizeBytes'?: (number);
  'body'?: (string);
  'header'?: (_meshmock_v1_Header | null);
  'cpuMs'?: (number | string);
  'memoryBytes'?: (number);
  'conditions'?: (_meshmock_v1_Condition)[];
  'chunks'?: (_meshmock_v1_Pace | null);
  'events'?: (_meshmock_v1_Pace | null);
  'trailer'?: (_meshmock_v1_Header | null);
  'behaviour'?: "delay"|"status"|"grpcStatus"|"close"|"hang"|"sizeBytes"|"body"|"header"|"cpuMs"|"memoryBytes"|"chunks"|"events"|"trailer";
}

export interface Directive__Output {
  'delay'?: (_meshmock_v1_Delay__Output);
  'status'?: (number);
  'grpcStatus'?: (string);
  'close'?: (boolean);
  'hang'?: (boolean);
  'sizeBytes'?: (number);
  'body'?: (string);
  'header'?: (_meshmock_v1_Header__Output);
  'cpuMs'?: (number);
  'memoryBytes'?: (number);
  'conditions'?: (_meshmock_v1_Condition__Output)[];
  'chunks'?: (_meshmock_v1_Pace__Output);
  'events'?: (_meshmock_v1_Pace__Output);
  'trailer'?: (_meshmock_v1_Header__Output);
}
