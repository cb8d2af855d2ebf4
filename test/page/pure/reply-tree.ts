import type { CallResult, Reply } from '../../../src/reply/reply.ts';

/** Makes the reply of a service, with calls. */
export function replyOf(service: string, calls: readonly CallResult[] = [], more: Partial<Reply> = {}): Reply {
  const status = calls.some(({ error }) => error !== undefined) ? 502 : 200;
  return {
    service,
    version: 'v1',
    pod: `${service}-1`,
    status,
    durationMs: 10,
    ...(calls.length === 0 ? {} : { calls: [...calls] }),
    ...more,
  };
}

/** Makes a call that a service answers. */
export function callTo(reply: Reply, more: Partial<CallResult> = {}): CallResult {
  return {
    target: `${reply.service}:8080`,
    scheme: 'http',
    stage: 0,
    status: reply.status,
    startMs: 1,
    durationMs: 8,
    answeredBy: 'service',
    reply,
    ...more,
  };
}

/** Makes a call that has no answer. */
export function failedCall(target: string): CallResult {
  return {
    target,
    scheme: 'http',
    stage: 0,
    startMs: 1,
    durationMs: 2,
    answeredBy: 'nobody',
    error: { code: 'refused', message: 'connect ECONNREFUSED' },
  };
}

/** Makes a call that a proxy refuses. */
export function refusedCall(target: string): CallResult {
  const refusal = { reason: 'rbac_denied', explanation: 'An AuthorizationPolicy denies the call.' } as const;
  return {
    target,
    scheme: 'http',
    stage: 1,
    status: 403,
    startMs: 9,
    durationMs: 1,
    answeredBy: 'proxy',
    mesh: { proxy: 'envoy', refusal },
  };
}
