// Original file: proto/meshmock/v1/meshmock.proto

import type { DelayPercentile as _meshmock_v1_DelayPercentile, DelayPercentile__Output as _meshmock_v1_DelayPercentile__Output } from '../../meshmock/v1/DelayPercentile.ts';

export interface DelayPercentiles {
  'points'?: (_meshmock_v1_DelayPercentile)[];
}

export interface DelayPercentiles__Output {
  'points'?: (_meshmock_v1_DelayPercentile__Output)[];
}
