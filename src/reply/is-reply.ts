import type { Reply } from './reply.ts';

/** Type of a field: a plain value, a recursive message by its name, or another message by its description. */
type Shape = 'string' | 'number' | 'strings' | 'map' | 'counts' | 'reply' | 'call' | 'calls' | 'samples' | Message;

/** Description of a message: the types of its fields, and the names of those that it must have. */
interface Message {
  readonly fields: { readonly [name: string]: Shape };
  readonly required: readonly string[];
}

const anyObject: Message = { required: [], fields: {} };
const callError: Message = { required: ['code', 'message'], fields: { code: 'string', message: 'string' } };

const refusal: Message = { required: ['reason', 'explanation'], fields: { reason: 'string', explanation: 'string' } };

const latencyMs: Message = {
  required: ['min', 'mean', 'p50', 'p90', 'p95', 'p99', 'max'],
  fields: { min: 'number', mean: 'number', p50: 'number', p90: 'number', p95: 'number', p99: 'number', max: 'number' },
};

const sample: Message = { required: ['is', 'index', 'call'], fields: { is: 'strings', index: 'number', call: 'call' } };

const summary: Message = {
  required: ['count'],
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
    byPeer: 'counts',
    byTlsVersion: 'counts',
    byHttpVersion: 'counts',
    bySni: 'counts',
    byAlpn: 'counts',
    byTlsPeer: 'counts',
    latencyMs,
    samples: 'samples',
  },
};

const tls: Message = {
  required: ['version'],
  fields: { version: 'string', sni: 'string', alpn: 'string', peer: 'string' },
};

const call: Message = {
  required: ['target', 'scheme', 'answeredBy'],
  fields: {
    target: 'string',
    scheme: 'string',
    stage: 'number',
    status: 'number',
    grpcStatus: 'string',
    startMs: 'number',
    durationMs: 'number',
    answeredBy: 'string',
    mesh: { required: [], fields: { proxy: 'string', upstreamMs: 'number', refusal } },
    reply: 'reply',
    error: callError,
    headers: 'map',
    body: 'string',
    bodyBytes: 'number',
    attempts: 'strings',
    pruned: { required: ['bytes', 'reason'], fields: { bytes: 'number', reason: 'string' } },
    summary,
    spanId: 'string',
    tls,
    httpVersion: 'string',
    stream: { required: [], fields: { chunks: 'number', firstByteMs: 'number', events: 'number' } },
    trailers: 'map',
  },
};

const reply: Message = {
  required: ['service', 'status'],
  fields: {
    service: 'string',
    version: 'string',
    pod: 'string',
    namespace: 'string',
    node: 'string',
    zone: 'string',
    request: {
      required: [],
      fields: {
        protocol: 'string',
        method: 'string',
        uri: 'string',
        headers: 'map',
        body: 'string',
        bodyBytes: 'number',
        messages: 'number',
        messageBytes: 'number',
        message: 'string',
        tls,
        httpVersion: 'string',
      },
    },
    status: 'number',
    grpcStatus: 'string',
    body: 'string',
    behaviour: 'strings',
    durationMs: 'number',
    traceId: 'string',
    mesh: {
      required: [],
      fields: { attempt: 'number', requestId: 'string', peerIdentity: 'string', ownIdentity: 'string' },
    },
    calls: 'calls',
    error: {
      required: callError.required,
      fields: { ...callError.fields, offset: 'number', expected: 'string', caret: 'strings', field: 'string' },
    },
    try: 'strings',
    prunedCalls: 'number',
    spanId: 'string',
  },
};

/** Reports whether an untrusted value is a reply: it and everything below it have the right types. */
export function isReply(value: unknown): value is Reply {
  return isMessage(value, reply);
}

/** Reports whether a value is a message. Unknown fields are allowed: they may come from a newer version. */
function isMessage(value: unknown, { required, fields }: Message): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (!required.every((name) => Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, field]) => {
    const shape = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return shape === undefined || hasShape(field, shape);
  });
}

const isString = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';

function hasShape(value: unknown, shape: Shape): boolean {
  switch (shape) {
    case 'string':
    case 'number':
      return typeof value === shape;
    case 'strings':
      return Array.isArray(value) && value.every(isString);
    case 'map':
      return isMessage(value, anyObject) && Object.values(value as object).every(isString);
    case 'counts':
      return isMessage(value, anyObject) && Object.values(value as object).every(isNumber);
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
