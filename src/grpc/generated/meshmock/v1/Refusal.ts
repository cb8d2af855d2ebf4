// Original file: proto/meshmock/v1/meshmock.proto


export interface Refusal {
  'reason'?: (string);
  'explanation'?: (string);
}

export interface Refusal__Output {
  'reason'?: (string);
  'explanation'?: (string);
}
