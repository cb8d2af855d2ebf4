// Original file: proto/meshmock/v1/meshmock.proto

import type { CallResult as _meshmock_v1_CallResult, CallResult__Output as _meshmock_v1_CallResult__Output } from '../../meshmock/v1/CallResult.ts';

export interface Sample {
  'is'?: (string)[];
  'index'?: (number);
  'call'?: (_meshmock_v1_CallResult | null);
  '_index'?: "index";
}

export interface Sample__Output {
  'is'?: (string)[];
  'index'?: (number);
  'call'?: (_meshmock_v1_CallResult__Output);
}
