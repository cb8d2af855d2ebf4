// Original file: proto/meshmock/v1/meshmock.proto

import type { Refusal as _meshmock_v1_Refusal, Refusal__Output as _meshmock_v1_Refusal__Output } from '../../meshmock/v1/Refusal.ts';

export interface CallerMesh {
  'proxy'?: (string);
  'upstreamMs'?: (number | string);
  'refusal'?: (_meshmock_v1_Refusal | null);
  '_upstreamMs'?: "upstreamMs";
}

export interface CallerMesh__Output {
  'proxy'?: (string);
  'upstreamMs'?: (number);
  'refusal'?: (_meshmock_v1_Refusal__Output);
}
