// Original file: proto/meshmock/v1/meshmock.proto


export interface Stream {
  'chunks'?: (number);
  'firstByteMs'?: (number | string);
  'events'?: (number);
  '_firstByteMs'?: "firstByteMs";
}

export interface Stream__Output {
  'chunks'?: (number);
  'firstByteMs'?: (number);
  'events'?: (number);
}
