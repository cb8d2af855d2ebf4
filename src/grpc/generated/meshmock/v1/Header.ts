// Original file: proto/meshmock/v1/meshmock.proto


export interface Header {
  'name'?: (string);
  'value'?: (string);
}

export interface Header__Output {
  'name'?: (string);
  'value'?: (string);
}
