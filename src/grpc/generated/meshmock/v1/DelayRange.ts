// Original file: proto/meshmock/v1/meshmock.proto


export interface DelayRange {
  'minMs'?: (number | string);
  'maxMs'?: (number | string);
}

export interface DelayRange__Output {
  'minMs'?: (number);
  'maxMs'?: (number);
}
