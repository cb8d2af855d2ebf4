import type { Reply } from './reply.ts';

/** The types of a message's fields: a name for plain values, a function for messages, a list of one for repeated ones. */
type Shape = 'string' | 'number' | 'map' | (() => Fields) | readonly ['string' | (() => Fields)];
type Fields = Readonly<Record<string, Shape>>;

const mesh = (): Fields => ({ attempt: 'number', requestId: 'string', peerIdentity: 'string', ownIdentity: 'string' });
const callerMesh = (): Fields => ({ proxy: 'string', upstreamMs: 'number' });
const callError = (): Fields => ({ code: 'string', message: 'string' });
const request = (): Fields => ({ protocol: 'string', method: 'string', uri: 'string', headers: 'map' });
const error = (): Fields => ({
  ...callError(),
  offset: 'number',
  expected: 'string',
  caret: ['string'],
  field: 'string',
});
const call = (): Fields => ({
  ...{ target: 'string', scheme: 'string', stage: 'number', status: 'number', grpcStatus: 'string', startMs: 'number' },
  ...{ durationMs: 'number', answeredBy: 'string', mesh: callerMesh, reply, error: callError, headers: 'map' },
  ...{ body: 'string', bodyBytes: 'number' },
});
const reply = (): Fields => ({
  ...{ service: 'string', version: 'string', pod: 'string', namespace: 'string', node: 'string', zone: 'string' },
  ...{ request, status: 'number', grpcStatus: 'string', body: 'string', durationMs: 'number', traceId: 'string' },
  ...{ mesh, calls: [call], error, try: ['string'], prunedCalls: 'number' },
});

const needed: ReadonlyMap<Shape, readonly string[]> = new Map<Shape, readonly string[]>([
  [reply, ['service', 'status']],
  [call, ['target', 'scheme', 'answeredBy']],
  [callError, ['code', 'message']],
  [error, ['code', 'message']],
]);

/** Whether a value that came from elsewhere has the types of a reply, all the way down. */
export function isReply(value: unknown): value is Reply {
  return fits(value, reply);
}

function fits(value: unknown, shape: Shape): boolean {
  if (shape === 'string' || shape === 'number') return typeof value === shape;
  if (typeof shape === 'object') return Array.isArray(value) && value.every((item) => fits(item, shape[0]));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  if (shape === 'map') return entries.every(([, text]) => typeof text === 'string');
  if (needed.get(shape)?.some((name) => !Object.hasOwn(value, name))) return false;
  const fields = shape();
  return entries.every(([name, field]) => {
    const fieldShape = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return fieldShape === undefined || fits(field, fieldShape);
  });
}
