import type { Comparison } from '../../src/diff/comparison.ts';
import type { Observation, ObservedAnswer, Outcome } from '../../src/diff/observation.ts';
import type { Caller, Destination, Probe, ProbeCondition, ProbeRequest } from '../../src/diff/probe.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';

/** Objects of comparisons for tests, with defaults. */
export function workload(name: string, namespace = 'default'): Caller {
  return { kind: 'workload', namespace, name, serviceAccount: name, labels: { app: name } };
}

export function destination(name: string, port = 9080): Destination {
  const [service = '', namespace = 'default'] = name.split('.');
  return { name, host: `${service}.${namespace}.svc.cluster.local`, port, workloads: [] };
}

export function request(overrides: Partial<ProbeRequest> = {}): ProbeRequest {
  return {
    protocol: 'http',
    method: 'GET',
    path: '/',
    authority: undefined,
    headers: [],
    token: undefined,
    ...overrides,
  };
}

/** A probe whose callee is slower than all timeouts. */
export const noLonger = { before: undefined, after: undefined } as const;

let nextId = 0;

export function probe(overrides: Partial<Probe> = {}): Probe {
  const caller = overrides.caller ?? workload('productpage');
  return {
    id: `probe-${nextId++}`,
    caller,
    destination: destination('reviews'),
    request: request(),
    mode: { kind: 'plain', byChance: 'nothing' },
    routes: 'route 0, route 0',
    speaksFor: [caller],
    conditions: [],
    causes: [],
    ...overrides,
  };
}

export function condition(
  text: string,
  isSatisfied: boolean,
  aspect: ProbeCondition['aspect'] = 'header',
): ProbeCondition {
  return { text, isSatisfied, aspect };
}

export function service(name: string, version: string): ObservedAnswer {
  return { kind: 'service', service: name, namespace: 'default', version };
}

export function outcome(answer: ObservedAnswer, overrides: Partial<Outcome> = {}): Outcome {
  return {
    count: 1,
    answer,
    status: answer.kind === 'refused' ? 403 : 200,
    grpcStatus: undefined,
    received: undefined,
    answerHeaders: {},
    ...overrides,
  };
}

export function observation(outcomes: readonly Outcome[], overrides: Partial<Observation> = {}): Observation {
  return {
    probeId: 'probe',
    outcomes,
    pods: {},
    mirrors: [],
    attempts: undefined,
    durationsMs: [],
    durationMs: 3,
    evidence: { tree: 'productpage v1  200\n└─ reviews:9080  200', command: "curl -g 'localhost:1/@reviews/'" },
    ...overrides,
  };
}

export function comparison(overrides: Partial<Comparison> = {}): Comparison {
  return {
    secrets: new SecretMarks(),
    counts: { edges: 182, changedEdges: 4, gateways: 1, changedGateways: 1, requests: 212 },
    changedEdges: [],
    callers: [],
    probes: [],
    differences: [],
    notCompared: [],
    warnings: [],
    phases: [],
    observations: new Map(),
    ...overrides,
  };
}
