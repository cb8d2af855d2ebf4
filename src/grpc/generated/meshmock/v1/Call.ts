// Original file: proto/meshmock/v1/meshmock.proto

import type { Header as _meshmock_v1_Header, Header__Output as _meshmock_v1_Header__Output } from '../../meshmock/v1/Header.ts';
import type { CallOptions as _meshmock_v1_CallOptions, CallOptions__Output as _meshmock_v1_CallOptions__Output } from '../../meshmock/v1/CallOptions.ts';
import type { Plan as _meshmock_v1_Plan, Plan__Output as _meshmock_v1_Plan__Output } from '../../meshmock/v1/Plan.ts';

export interface Call {
  'scheme'?: (string);
  'host'?: (string);
  'port'?: (number);
  'times'?: (number);
  'headers'?: (_meshmock_v1_Header)[];
  'options'?: (_meshmock_v1_CallOptions | null);
  'then'?: (_meshmock_v1_Plan | null);
}

export interface Call__Output {
  'scheme'?: (string);
  'host'?: (string);
  'port'?: (number);
  'times'?: (number);
  'headers'?: (_meshmock_v1_Header__Output)[];
  'options'?: (_meshmock_v1_CallOptions__Output);
  'then'?: (_meshmock_v1_Plan__Output);
}
