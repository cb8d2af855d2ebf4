import { type Client as Channel, type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { MeshmockError } from '../error/meshmock-error.ts';
import { firstBytes } from '../error/text-bytes.ts';
import { type CallAnswer, maxForeignBytes, type OutgoingCall } from '../execute/client.ts';
import { ArrivedParts } from '../execute/concurrency/arrived-parts.ts';
import type { CalledMethod } from '../plan/grpc-method.ts';
import { isReply } from '../reply/is-reply.ts';
import { planHeader, replyTrailer } from '../reply/mesh-headers.ts';
import { memoryOf } from '../reply/reply.ts';
import { errorAnswer, isSigned, settledAnswer } from './call-answer.ts';
import { callSettings } from './call-settings.ts';
import { headersOf, sameBytes } from './codec.ts';
import { sizeOfReplyMessage } from './message-size.ts';
import type { DescribedMethod, DescribedMethods } from './messages/described-methods.ts';
import { readReplyMessage } from './status-details.ts';

/** Call of a method: its message, and what is known of the method. */
interface MethodRequest {
  /** Full name, such as `shop.Basket/Get`. */
  readonly name: string;
  readonly message: Buffer;
  readonly described: DescribedMethod | undefined;
}

/**
 * Returns the request of a method.
 *
 * @throws MeshmockError `bad_request` if its JSON is not a message of the method
 */
export function requestOf({ name, message }: CalledMethod, descriptors: DescribedMethods): MethodRequest {
  const described = descriptors.method(name);
  if (message === undefined) return { name, message: Buffer.alloc(0), described };
  if (described === undefined)
    throw new MeshmockError(
      'bad_request',
      `no proto file describes ${name}, whose message is given: add it with --proto`,
    );
  return { name, message: described.encodeRequest(message), described };
}

/**
 * Calls any method with one message. The answer may be a stream: its messages are counted, and not kept.
 *
 * @param maxBytes maximum size of all messages of the answer, in bytes
 */
export function callMethodOn(
  channel: Channel,
  outgoing: OutgoingCall,
  { name, message: request, described }: MethodRequest,
  maxBytes: number,
  signal: AbortSignal,
): Promise<CallAnswer> {
  const { metadata, options } = callSettings(outgoing);
  // Servers that are not meshmocks need no plan. The path of the method is the plan that a meshmock executes without one.
  if (!outgoing.path.startsWith(`/${name}`)) metadata.set(planHeader, outgoing.path);
  const parts = new ArrivedParts(performance.now());
  return settledAnswer(signal, (settle, onMetadata) => {
    let bytes = 0;
    let first: Buffer | undefined;
    const call = channel.makeServerStreamRequest(`/${name}`, sameBytes, sameBytes, request, metadata, options);
    call.on('metadata', onMetadata);
    call.on('data', (message: Buffer) => {
      bytes += message.length;
      first ??= message;
      parts.add();
      if (bytes <= maxBytes) return;
      const reason = `the messages of the answer are larger than max ${maxBytes}`;
      settle(() => ({ kind: 'failed', error: { code: 'too_large', message: reason } }));
      call.cancel();
    });
    // The status has the same facts.
    call.on('error', () => {});
    call.on('status', (ended) => {
      settle((initial) => {
        if (ended.code !== status.OK) return errorAnswer(outgoing, ended, initial);
        const json = first === undefined ? undefined : described?.decodeAnswer(first);
        return { ...okMethodAnswer(outgoing, initial, ended, json), ...parts.facts() };
      });
    });
    return () => call.cancel();
  });
}

/**
 * Returns the answer to a call that ends with OK. A meshmock sends its reply in the trailers.
 *
 * @param json first message, if its type is known
 */
function okMethodAnswer(
  call: OutgoingCall,
  initial: Metadata,
  { metadata }: StatusObject,
  json: string | undefined,
): CallAnswer {
  const headers = { ...headersOf(initial), ...headersOf(metadata) };
  const statuses = { status: 200, grpcStatus: 'OK' };
  const [message] = metadata.get(replyTrailer);
  if (Buffer.isBuffer(message)) {
    const refusedBy = call.account.reserve(memoryOf(sizeOfReplyMessage(message)));
    if (refusedBy !== undefined) return { kind: 'left-out', ...statuses, headers, bytes: message.length, refusedBy };
    const reply = readReplyMessage(message);
    if (isReply(reply)) return { kind: 'reply', ...statuses, status: reply.status, headers, reply };
  }
  return { kind: 'other', isSigned: isSigned(headers), ...statuses, headers, ...shownMessage(json) };
}

/** Returns the message of a foreign server as the body of its answer. */
function shownMessage(json = ''): { body: string; bodyBytes: number } {
  return { body: firstBytes(json, maxForeignBytes), bodyBytes: Buffer.byteLength(json) };
}
