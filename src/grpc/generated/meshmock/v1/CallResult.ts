// Original file: proto/meshmock/v1/meshmock.proto

import type { CallerMesh as _meshmock_v1_CallerMesh, CallerMesh__Output as _meshmock_v1_CallerMesh__Output } from '../../meshmock/v1/CallerMesh.ts';
import type { Reply as _meshmock_v1_Reply, Reply__Output as _meshmock_v1_Reply__Output } from '../../meshmock/v1/Reply.ts';
import type { CallError as _meshmock_v1_CallError, CallError__Output as _meshmock_v1_CallError__Output } from '../../meshmock/v1/CallError.ts';
import type { Summary as _meshmock_v1_Summary, Summary__Output as _meshmock_v1_Summary__Output } from '../../meshmock/v1/Summary.ts';
import type { PrunedReply as _meshmock_v1_PrunedReply, PrunedReply__Output as _meshmock_v1_PrunedReply__Output } from '../../meshmock/v1/PrunedReply.ts';
import type { Tls as _meshmock_v1_Tls, Tls__Output as _meshmock_v1_Tls__Output } from '../../meshmock/v1/Tls.ts';
import type { Stream as _meshmock_v1_Stream, Stream__Output as _meshmock_v1_Stream__Output } from '../../meshmock/v1/Stream.ts';

export interface CallResult {
  'target'?: (string);
  'scheme'?: (string);
  'stage'?: (number);
  'status'?: (number);
  'grpcStatus'?: (string);
  'startMs'?: (number | string);
  'durationMs'?: (number | string);
  'answeredBy'?: (string);
  'mesh'?: (_meshmock_v1_CallerMesh | null);
  'reply'?: (_meshmock_v1_Reply | null);
  'error'?: (_meshmock_v1_CallError | null);
  'headers'?: ({[key: string]: string});
  'body'?: (string);
  'bodyBytes'?: (number);
  'attempts'?: (string)[];
  'summary'?: (_meshmock_v1_Summary | null);
  'pruned'?: (_meshmock_v1_PrunedReply | null);
  'spanId'?: (string);
  'tls'?: (_meshmock_v1_Tls | null);
  'httpVersion'?: (string);
  'stream'?: (_meshmock_v1_Stream | null);
  'trailers'?: ({[key: string]: string});
  '_stage'?: "stage";
  '_startMs'?: "startMs";
  '_durationMs'?: "durationMs";
}

export interface CallResult__Output {
  'target'?: (string);
  'scheme'?: (string);
  'stage'?: (number);
  'status'?: (number);
  'grpcStatus'?: (string);
  'startMs'?: (number);
  'durationMs'?: (number);
  'answeredBy'?: (string);
  'mesh'?: (_meshmock_v1_CallerMesh__Output);
  'reply'?: (_meshmock_v1_Reply__Output);
  'error'?: (_meshmock_v1_CallError__Output);
  'headers'?: ({[key: string]: string});
  'body'?: (string);
  'bodyBytes'?: (number);
  'attempts'?: (string)[];
  'summary'?: (_meshmock_v1_Summary__Output);
  'pruned'?: (_meshmock_v1_PrunedReply__Output);
  'spanId'?: (string);
  'tls'?: (_meshmock_v1_Tls__Output);
  'httpVersion'?: (string);
  'stream'?: (_meshmock_v1_Stream__Output);
  'trailers'?: ({[key: string]: string});
}
