// Original file: proto/meshmock/v1/meshmock.proto


export interface CalleeMesh {
  'attempt'?: (number);
  'requestId'?: (string);
  'peerIdentity'?: (string);
  'ownIdentity'?: (string);
}

export interface CalleeMesh__Output {
  'attempt'?: (number);
  'requestId'?: (string);
  'peerIdentity'?: (string);
  'ownIdentity'?: (string);
}
