// Original file: proto/meshmock/v1/meshmock.proto


export interface Pace {
  'count'?: (number);
  'intervalMs'?: (number | string);
}

export interface Pace__Output {
  'count'?: (number);
  'intervalMs'?: (number);
}
