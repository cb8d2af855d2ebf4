// Original file: proto/meshmock/v1/meshmock.proto


export interface CallOptions {
  'timeoutMs'?: (number | string);
  'method'?: (string);
  'retries'?: (number);
  'concurrency'?: (number);
  'http2'?: (boolean);
  'body'?: (boolean);
  '_timeoutMs'?: "timeoutMs";
  '_method'?: "method";
  '_retries'?: "retries";
  '_concurrency'?: "concurrency";
}

export interface CallOptions__Output {
  'timeoutMs'?: (number);
  'method'?: (string);
  'retries'?: (number);
  'concurrency'?: (number);
  'http2'?: (boolean);
  'body'?: (boolean);
}
