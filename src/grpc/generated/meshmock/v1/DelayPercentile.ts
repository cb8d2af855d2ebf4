// Original file: proto/meshmock/v1/meshmock.proto


export interface DelayPercentile {
  'percentile'?: (number | string);
  'delayMs'?: (number | string);
}

export interface DelayPercentile__Output {
  'percentile'?: (number);
  'delayMs'?: (number);
}
