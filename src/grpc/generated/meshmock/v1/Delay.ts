// Original file: proto/meshmock/v1/meshmock.proto

import type { DelayRange as _meshmock_v1_DelayRange, DelayRange__Output as _meshmock_v1_DelayRange__Output } from '../../meshmock/v1/DelayRange.ts';
import type { DelayPercentiles as _meshmock_v1_DelayPercentiles, DelayPercentiles__Output as _meshmock_v1_DelayPercentiles__Output } from '../../meshmock/v1/DelayPercentiles.ts';

export interface Delay {
  'fixedMs'?: (number | string);
  'range'?: (_meshmock_v1_DelayRange | null);
  'percentiles'?: (_meshmock_v1_DelayPercentiles | null);
  'delay'?: "fixedMs"|"range"|"percentiles";
}

export interface Delay__Output {
  'fixedMs'?: (number);
  'range'?: (_meshmock_v1_DelayRange__Output);
  'percentiles'?: (_meshmock_v1_DelayPercentiles__Output);
}
