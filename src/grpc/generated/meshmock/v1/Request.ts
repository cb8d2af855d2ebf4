// Original file: proto/meshmock/v1/meshmock.proto

import type { Tls as _meshmock_v1_Tls, Tls__Output as _meshmock_v1_Tls__Output } from '../../meshmock/v1/Tls.ts';

export interface Request {
  'protocol'?: (string);
  'method'?: (string);
  'uri'?: (string);
  'headers'?: ({[key: string]: string});
  'messages'?: (number);
  'messageBytes'?: (number);
  'message'?: (string);
  'body'?: (string);
  'bodyBytes'?: (number);
  'tls'?: (_meshmock_v1_Tls | null);
  'httpVersion'?: (string);
}

export interface Request__Output {
  'protocol'?: (string);
  'method'?: (string);
  'uri'?: (string);
  'headers'?: ({[key: string]: string});
  'messages'?: (number);
  'messageBytes'?: (number);
  'message'?: (string);
  'body'?: (string);
  'bodyBytes'?: (number);
  'tls'?: (_meshmock_v1_Tls__Output);
  'httpVersion'?: (string);
}
