// Original file: proto/meshmock/v1/meshmock.proto

import type { Call as _meshmock_v1_Call, Call__Output as _meshmock_v1_Call__Output } from '../../meshmock/v1/Call.ts';

export interface Stage {
  'calls'?: (_meshmock_v1_Call)[];
}

export interface Stage__Output {
  'calls'?: (_meshmock_v1_Call__Output)[];
}
