// Original file: proto/meshmock/v1/meshmock.proto


export interface CallerMesh {
  'proxy'?: (string);
  'upstreamMs'?: (number | string);
  '_upstreamMs'?: "upstreamMs";
}

export interface CallerMesh__Output {
  'proxy'?: (string);
  'upstreamMs'?: (number);
}
