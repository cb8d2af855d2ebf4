// Original file: proto/meshmock/v1/meshmock.proto


export interface Error {
  'code'?: (string);
  'message'?: (string);
  'offset'?: (number);
  'expected'?: (string);
  'caret'?: (string)[];
  'field'?: (string);
  '_offset'?: "offset";
}

export interface Error__Output {
  'code'?: (string);
  'message'?: (string);
  'offset'?: (number);
  'expected'?: (string);
  'caret'?: (string)[];
  'field'?: (string);
}
