// Original file: proto/meshmock/v1/meshmock.proto


export interface Tls {
  'version'?: (string);
  'sni'?: (string);
  'alpn'?: (string);
  'peer'?: (string);
  'unverified'?: (boolean);
}

export interface Tls__Output {
  'version'?: (string);
  'sni'?: (string);
  'alpn'?: (string);
  'peer'?: (string);
  'unverified'?: (boolean);
}
