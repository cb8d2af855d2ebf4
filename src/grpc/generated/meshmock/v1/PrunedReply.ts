// Original file: proto/meshmock/v1/meshmock.proto


export interface PrunedReply {
  'bytes'?: (number);
  'reason'?: (string);
}

export interface PrunedReply__Output {
  'bytes'?: (number);
  'reason'?: (string);
}
