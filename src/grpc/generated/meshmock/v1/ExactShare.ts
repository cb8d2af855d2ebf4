// Original file: proto/meshmock/v1/meshmock.proto


export interface ExactShare {
  'hits'?: (number);
  'of'?: (number);
}

export interface ExactShare__Output {
  'hits'?: (number);
  'of'?: (number);
}
