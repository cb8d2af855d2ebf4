// Original file: proto/meshmock/v1/meshmock.proto

import type { Latency as _meshmock_v1_Latency, Latency__Output as _meshmock_v1_Latency__Output } from '../../meshmock/v1/Latency.ts';
import type { Sample as _meshmock_v1_Sample, Sample__Output as _meshmock_v1_Sample__Output } from '../../meshmock/v1/Sample.ts';

export interface Summary {
  'count'?: (number);
  'byStatus'?: ({[key: string]: number});
  'byVersion'?: ({[key: string]: number});
  'byPod'?: ({[key: string]: number});
  'byAttempt'?: ({[key: string]: number});
  'byAnswer'?: ({[key: string]: number});
  'latencyMs'?: (_meshmock_v1_Latency | null);
  'samples'?: (_meshmock_v1_Sample)[];
  'unmade'?: (number);
  'byService'?: ({[key: string]: number});
  'byRefusal'?: ({[key: string]: number});
  'byPeer'?: ({[key: string]: number});
  'byTlsVersion'?: ({[key: string]: number});
  'byHttpVersion'?: ({[key: string]: number});
  'bySni'?: ({[key: string]: number});
  'byAlpn'?: ({[key: string]: number});
  'byTlsPeer'?: ({[key: string]: number});
}

export interface Summary__Output {
  'count'?: (number);
  'byStatus'?: ({[key: string]: number});
  'byVersion'?: ({[key: string]: number});
  'byPod'?: ({[key: string]: number});
  'byAttempt'?: ({[key: string]: number});
  'byAnswer'?: ({[key: string]: number});
  'latencyMs'?: (_meshmock_v1_Latency__Output);
  'samples'?: (_meshmock_v1_Sample__Output)[];
  'unmade'?: (number);
  'byService'?: ({[key: string]: number});
  'byRefusal'?: ({[key: string]: number});
  'byPeer'?: ({[key: string]: number});
  'byTlsVersion'?: ({[key: string]: number});
  'byHttpVersion'?: ({[key: string]: number});
  'bySni'?: ({[key: string]: number});
  'byAlpn'?: ({[key: string]: number});
  'byTlsPeer'?: ({[key: string]: number});
}
