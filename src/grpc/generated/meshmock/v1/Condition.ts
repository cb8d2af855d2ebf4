// Original file: proto/meshmock/v1/meshmock.proto

import type { ExactShare as _meshmock_v1_ExactShare, ExactShare__Output as _meshmock_v1_ExactShare__Output } from '../../meshmock/v1/ExactShare.ts';

export interface Condition {
  'share'?: (number | string);
  'exactShare'?: (_meshmock_v1_ExactShare | null);
  'attemptBelow'?: (number);
  'attempt'?: (number);
  'version'?: (string);
  'pod'?: (string);
  'zone'?: (string);
  'condition'?: "share"|"exactShare"|"attemptBelow"|"attempt"|"version"|"pod"|"zone";
}

export interface Condition__Output {
  'share'?: (number);
  'exactShare'?: (_meshmock_v1_ExactShare__Output);
  'attemptBelow'?: (number);
  'attempt'?: (number);
  'version'?: (string);
  'pod'?: (string);
  'zone'?: (string);
}
