// Original file: proto/meshmock/v1/meshmock.proto

import type { Call as _meshmock_v1_Call, Call__Output as _meshmock_v1_Call__Output } from './Call.ts';

export interface Stage {
  'calls'?: (_meshmock_v1_Call)[];
}

export interface Stage__Output {
  'calls'?: (_meshmock_v1_Call__Output)[];
}
