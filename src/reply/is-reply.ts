import type { Reply } from './reply.ts';

/** The type of a field: a plain value, a message that stands in itself by its name, any other by what it holds. */
type Shape = 'string' | 'number' | 'strings' | 'map' | 'counts' | 'reply' | 'call' | 'calls' | 'samples' | Message;

/** The types of the fields that a message may have, and the names of those it must have. */
interface Message {
  readonly fields: { readonly [name: string]: Shape };
  readonly needed: readonly string[];
}

const anything: Message = { needed: [], fields: {} };
const callError: Message = { needed: ['code', 'message'], fields: { code: 'string', message: 'string' } };

const refusal: Message = { needed: ['reason', 'explanation'], fields: { reason: 'string', explanation: 'string' } };

const latencyMs: Message = {
  needed: ['min', 'mean', 'p50', 'p90', 'p95', 'p99', 'max'],
  fields: { min: 'number', mean: 'number', p50: 'number', p90: 'number', p95: 'number', p99: 'number', max: 'number' },
};

const sample: Message = { needed: ['is', 'index', 'call'], fields: { is: 'strings', index: 'number', call: 'call' } };

const summary: Message = {
  needed: ['count'],
  fields: {
    count: 'number',
    unmade: 'number',
    byStatus: 'counts',
    byService: 'counts',
    byVersion: 'counts',
    byPod: 'counts',
    byAttempt: 'counts',
    byAnswer: 'counts',
    byRefusal: 'counts',
    latencyMs,
    samples: 'samples',
  },
};

const call: Message = {
  needed: ['target', 'scheme', 'answeredBy'],
  fields: {
    target: 'string',
    scheme: 'string',
    stage: 'number',
    status: 'number',
    grpcStatus: 'string',
    startMs: 'number',
    durationMs: 'number',
    answeredBy: 'string',
    mesh: { needed: [], fields: { proxy: 'string', upstreamMs: 'number', refusal } },
    reply: 'reply',
    error: callError,
    headers: 'map',
    body: 'string',
    bodyBytes: 'number',
    attempts: 'strings',
    summary,
    spanId: 'string',
  },
};

const reply: Message = {
  needed: ['service', 'status'],
  fields: {
    service: 'string',
    version: 'string',
    pod: 'string',
    namespace: 'string',
    node: 'string',
    zone: 'string',
    request: { needed: [], fields: { protocol: 'string', method: 'string', uri: 'string', headers: 'map' } },
    status: 'number',
    grpcStatus: 'string',
    body: 'string',
    behaviour: 'strings',
    durationMs: 'number',
    traceId: 'string',
    mesh: {
      needed: [],
      fields: { attempt: 'number', requestId: 'string', peerIdentity: 'string', ownIdentity: 'string' },
    },
    calls: 'calls',
    error: {
      needed: callError.needed,
      fields: { ...callError.fields, offset: 'number', expected: 'string', caret: 'strings', field: 'string' },
    },
    try: 'strings',
    prunedCalls: 'number',
    spanId: 'string',
  },
};

/** Whether a value that came from elsewhere has the types of a reply, all the way down. */
export function isReply(value: unknown): value is Reply {
  return isMessage(value, reply);
}

/** Fields that are not known are no error: a newer version may have written them. */
function isMessage(value: unknown, { needed, fields }: Message): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (!needed.every((name) => Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, field]) => {
    const shape = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return shape === undefined || fits(field, shape);
  });
}

const isString = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';

function fits(value: unknown, shape: Shape): boolean {
  switch (shape) {
    case 'string':
    case 'number':
      return typeof value === shape;
    case 'strings':
      return Array.isArray(value) && value.every(isString);
    case 'map':
      return isMessage(value, anything) && Object.values(value as object).every(isString);
    case 'counts':
      return isMessage(value, anything) && Object.values(value as object).every(isNumber);
    case 'reply':
      return isMessage(value, reply);
    case 'call':
      return isMessage(value, call);
    case 'calls':
      return Array.isArray(value) && value.every((item) => isMessage(item, call));
    case 'samples':
      return Array.isArray(value) && value.every((item) => isMessage(item, sample));
    default:
      return isMessage(value, shape);
  }
}
