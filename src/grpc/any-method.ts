import { type Metadata, status } from '@grpc/grpc-js';
import { MeshmockError } from '../error/meshmock-error.ts';
import { type Answer, answer } from '../execute/answer.ts';
import type { Service } from '../execute/service.ts';
import { type Headers, planHeader } from '../reply/mesh-headers.ts';
import { callMethod } from '../reply/reply.ts';
import type { CallAdmission } from './admission.ts';
import { clientClosedSignal, timeLeftMs } from './call-facts.ts';
import { headersOf, metadataOf, resetTrailer } from './codec.ts';
import type { DescribedMethod, DescribedMethods } from './messages/described-methods.ts';
import { unknownField } from './messages/unknown-field.ts';
import { detailsLimitHeader, detailsLimitOf, resetDetails } from './status-details.ts';
import { StreamAnswer } from './stream-answer.ts';
import { RequestMessages, type RequestPart, type StreamCall } from './streams/request-messages.ts';

/** Path under which the handler of all other methods is registered. It is not a method, so a call of a client has no share. */
export const anyMethodPath = '/*';

const [ownPackage = ''] = callMethod.split('.MeshMock/');

/** Services that a mock does not imitate: its own, health and reflection. */
const ownServices = new RegExp(
  `^/(?:${ownPackage.replaceAll('.', '\\.')}|grpc\\.health\\.v1|grpc\\.reflection\\.\\w+)\\.`,
);

/**
 * Reports whether a mock answers a method that it does not know. The path of a method has the names of its service and of
 * itself.
 *
 * @example
 * isAnyMethod('/shop.Basket/Get'); // true
 */
export function isAnyMethod(path: string): boolean {
  return /^\/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\/[A-Za-z_]\w*$/.test(path) && !ownServices.test(path);
}

/**
 * Answers a call of a method that is not known, which may be unary or have streams. The answer is one message, which is sent
 * after the first message of the request, and the status, which is sent after the last one. So the answer is right for a
 * unary call and for each kind of stream. The message is empty, because an empty message is valid for any type. With the
 * proto file of the method, a message may have fields, and a bidirectional stream has one for each of its requests. An
 * answer in parts has one message for each of them, unless the proto file says that the method has one.
 */
export async function answerAnyMethod(
  service: Service,
  admission: CallAdmission,
  descriptors: DescribedMethods,
  call: StreamCall,
): Promise<void> {
  const served = admission.take(call.metadata);
  if (served === undefined) {
    fail(call, { code: status.UNIMPLEMENTED, details: 'the path is not that of a gRPC method' });
    return;
  }
  // The deadline counts from the arrival of the call, and not from that of its first message.
  const limitMs = Math.min(service.limits.deadlineMs, timeLeftMs(call) ?? Number.POSITIVE_INFINITY);
  const deadlineAt = performance.now() + limitMs;
  const requests = new RequestMessages(call, served);
  const first = await requests.next();
  if (first.kind === 'gone') return;
  served.beginExecution();
  const headers: Headers = { ':authority': call.getHost(), ...headersOf(call.metadata) };
  const timeoutMs = timeLeftMs(call);
  const signal = clientClosedSignal(call, served);
  const answered = await answer(service, {
    protocol: 'grpc',
    method: served.method,
    plan: { kind: 'path', path: headers[planHeader] ?? `/${served.method}` },
    headers,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    connection: served.facts,
    signal,
    budget: served.budget,
  });
  if (answered.kind === 'reset') {
    served.beginAnswer(0);
    fail(call, { code: status.UNAVAILABLE, details: resetDetails, metadata: metadataOf({ [resetTrailer]: '1' }) });
    return;
  }
  const described = descriptors.method(served.method);
  const json = first.kind === 'message' ? described?.decodeRequest(first.bytes) : undefined;
  const stream = new StreamAnswer(service, served, call, answered, detailsLimitOf(headers[detailsLimitHeader]), json);
  if (answered.reply.status >= 400) {
    stream.end(requests);
    return;
  }
  const message = messageOf(answered.body, described);
  if (message instanceof MeshmockError) {
    stream.end(requests, message);
    return;
  }
  stream.begin(message);
  const paced = described?.responseStream === false ? undefined : answered.paced;
  if (paced !== undefined && !(await stream.repeat(message, paced, signal))) {
    stream.end(requests, endError({ kind: 'unsent' }, limitMs));
    return;
  }
  const isExchange = paced === undefined && described?.requestStream === true && described.responseStream;
  const last = await lastPart(requests, first, deadlineAt, isExchange ? () => stream.write(message) : undefined);
  stream.end(requests, endError(last, limitMs));
}

/**
 * Returns the message of an answer. A body that is a JSON object becomes a message of the described type. Any other body is
 * in a field that no type declares.
 */
function messageOf(
  body: Extract<Answer, { kind: 'reply' }>['body'],
  described: DescribedMethod | undefined,
): Buffer | MeshmockError {
  const text = body === undefined ? '' : String(body);
  if (text === '') return Buffer.alloc(0);
  if (described === undefined || !text.trimStart().startsWith('{')) return unknownField(text);
  try {
    return described.encodeAnswer(text);
  } catch (error) {
    return error instanceof MeshmockError ? error : new MeshmockError('bad_request', (error as Error).message);
  }
}

/** End of a request, or the mark that it has not ended before the deadline. */
type LastPart = RequestPart | { readonly kind: 'late' };

/**
 * Reads and answers a request to its end, and at most until the deadline.
 *
 * @param onMessage called with each message after the first; the next one is read after it
 */
async function lastPart(
  requests: RequestMessages,
  first: RequestPart,
  deadlineAt: number,
  onMessage?: () => Promise<void>,
): Promise<LastPart> {
  if (first.kind !== 'message') return first;
  const late = Promise.withResolvers<LastPart>();
  // Messages before may have taken until the deadline. Node warns of a negative time.
  const timer = setTimeout(() => late.resolve({ kind: 'late' }), Math.max(0, deadlineAt - performance.now()));
  try {
    for (;;) {
      const part = await Promise.race([requests.next(), late.promise]);
      if (part.kind !== 'message') return part;
      if (onMessage === undefined) continue;
      const answered = await Promise.race([onMessage().then(() => part), late.promise]);
      if (answered.kind === 'late') return answered;
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Returns the error of a request, or of the messages of its answer, that did not end as they should.
 *
 * @param limitMs time that the call had, in milliseconds
 */
function endError(last: LastPart | { readonly kind: 'unsent' }, limitMs: number): MeshmockError | undefined {
  switch (last.kind) {
    case 'unsent':
      return new MeshmockError('deadline_exceeded', `the messages were not sent within ${Math.round(limitMs)} ms`);
    case 'late':
      return new MeshmockError('deadline_exceeded', `the request did not end within ${Math.round(limitMs)} ms`);
    case 'excess':
      return new MeshmockError('limit_exceeded', `the request of one call has at most ${last.limit}`);
    case 'gone':
      return new MeshmockError('canceled', 'the call ended before its request');
    case 'message':
    case 'end':
      return undefined;
  }
}

/** Status of a call that fails. */
interface Failure {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** Ends a call with a status. grpc-js takes it as an error of the stream. */
function fail(call: StreamCall, failure: Failure): void {
  call.emit('error', failure);
}
