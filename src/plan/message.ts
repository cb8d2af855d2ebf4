import type { CallOptions, Header } from './plan.ts';

/**
 * Plan as a `meshmock.v1.Plan` message, in protobuf and in JSON. Fields that are empty or have their default are absent.
 * `grpc/codec.ts` checks these types against those generated from the proto file.
 */
export interface PlanMessage {
  directives?: DirectiveMessage[];
  stages?: StageMessage[];
  then?: PlanMessage;
  uri?: string;
}
export interface StageMessage {
  calls?: CallMessage[];
}
export interface CallMessage {
  scheme?: string;
  host?: string;
  port?: number;
  times?: number;
  headers?: Partial<Header>[];
  options?: CallOptions;
  then?: PlanMessage;
}
export interface DirectiveMessage {
  delay?: DelayMessage;
  status?: number;
  grpcStatus?: string;
  close?: boolean;
  hang?: boolean;
  sizeBytes?: number;
  body?: string;
  header?: Partial<Header>;
  cpuMs?: number;
  memoryBytes?: number;
  chunks?: PaceMessage;
  events?: PaceMessage;
  trailer?: Partial<Header>;
  conditions?: ConditionMessage[];
}
export interface PaceMessage {
  count?: number;
  intervalMs?: number;
}
export interface DelayMessage {
  fixedMs?: number;
  range?: { minMs?: number; maxMs?: number };
  percentiles?: { points?: { percentile?: number; delayMs?: number }[] };
}
export interface ConditionMessage {
  share?: number;
  exactShare?: { hits?: number; of?: number };
  attemptBelow?: number;
  attempt?: number;
  version?: string;
  pod?: string;
  zone?: string;
}
