// Original file: proto/meshmock/v1/meshmock.proto


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
}
