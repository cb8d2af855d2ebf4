// Original file: proto/meshmock/v1/meshmock.proto


export interface Latency {
  'min'?: (number | string);
  'mean'?: (number | string);
  'p50'?: (number | string);
  'p90'?: (number | string);
  'p95'?: (number | string);
  'p99'?: (number | string);
  'max'?: (number | string);
  '_min'?: "min";
  '_mean'?: "mean";
  '_p50'?: "p50";
  '_p90'?: "p90";
  '_p95'?: "p95";
  '_p99'?: "p99";
  '_max'?: "max";
}

export interface Latency__Output {
  'min'?: (number);
  'mean'?: (number);
  'p50'?: (number);
  'p90'?: (number);
  'p95'?: (number);
  'p99'?: (number);
  'max'?: (number);
}
