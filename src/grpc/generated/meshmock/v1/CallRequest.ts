// Original file: proto/meshmock/v1/meshmock.proto

import type { Plan as _meshmock_v1_Plan, Plan__Output as _meshmock_v1_Plan__Output } from '../../meshmock/v1/Plan.ts';

export interface CallRequest {
  'plan'?: (_meshmock_v1_Plan | null);
  'path'?: (string);
  'request'?: "plan"|"path";
}

export interface CallRequest__Output {
  'plan'?: (_meshmock_v1_Plan__Output);
  'path'?: (string);
}
