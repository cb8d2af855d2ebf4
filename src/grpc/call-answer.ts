import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { abortedAnswer, type CallAnswer, type OutgoingCall } from '../execute/client.ts';
import { isReply } from '../reply/is-reply.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { memoryOf, type Reply } from '../reply/reply.ts';
import { httpStatusOf } from '../reply/status.ts';
import { callErrorOf } from './call-error.ts';
import { decodeReplyMessage, headersOf, resetTrailer } from './codec.ts';
import { sizeOfReplyMessage } from './message-size.ts';
import { readReplyMessage, replyInDetails } from './status-details.ts';

/** Settles a call with the answer that a function makes of its initial metadata. */
type Settle = (makeAnswer: (initial: Metadata) => CallAnswer) => void;

/**
 * Makes a call, and waits until it is settled or the signal is aborted, which cancels it.
 *
 * @param makeCall makes the call, and passes on its initial metadata; returns a function that cancels it
 */
export function settledAnswer(
  signal: AbortSignal,
  makeCall: (settle: Settle, onMetadata: (initial: Metadata) => void) => () => void,
): Promise<CallAnswer> {
  return new Promise((resolve) => {
    let initial: Metadata | undefined;
    let isSettled = false;
    const settle: Settle = (makeAnswer) => {
      // An answer that arrives after the call was canceled would take bytes that nothing gives back.
      if (isSettled) return;
      isSettled = true;
      signal.removeEventListener('abort', onAbort);
      resolve(makeAnswer(initial ?? new Metadata()));
    };
    const cancel = makeCall(settle, (received) => {
      initial = received;
    });
    const onAbort = (): void => {
      settle(() => abortedAnswer(signal));
      cancel();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Returns the answer to a call of meshmock's own method. */
export function okAnswer(call: OutgoingCall, metadata: Metadata, message: Buffer = Buffer.alloc(0)): CallAnswer {
  const headers = headersOf(metadata);
  const statuses = { status: 200, grpcStatus: 'OK' };
  const refusedBy = call.account.reserve(memoryOf(sizeOfReplyMessage(message)));
  if (refusedBy !== undefined) return { kind: 'left-out', ...statuses, headers, bytes: message.length, refusedBy };
  let reply: Reply;
  try {
    reply = decodeReplyMessage(message);
  } catch (error) {
    const reason = (error as Error).message;
    return { kind: 'failed', error: { code: 'protocol', message: `the answer is not a reply: ${reason}` } };
  }
  if (isReply(reply)) return { kind: 'reply', ...statuses, status: reply.status, headers, reply };
  return { kind: 'other', isSigned: isSigned(headers), ...statuses, headers, body: '', bodyBytes: 0 };
}

/** Returns the answer to a call that ends with a status other than OK. */
export function errorAnswer(call: OutgoingCall, error: StatusObject, initial: Metadata): CallAnswer {
  if (error.metadata.get(resetTrailer).length > 0)
    return { kind: 'failed', error: { code: 'reset', message: error.details } };
  const message = replyInDetails(error.metadata);
  const headers = { ...headersOf(initial), ...headersOf(error.metadata) };
  const { status, grpcStatus } = httpStatusOf(error.code);
  if (message !== undefined) {
    const refusedBy = call.account.reserve(memoryOf(sizeOfReplyMessage(message)));
    if (refusedBy !== undefined)
      return { kind: 'left-out', status, grpcStatus, headers, bytes: message.length, refusedBy };
  }
  const reply = message === undefined ? undefined : readReplyMessage(message);
  if (isReply(reply)) return { kind: 'reply', status: reply.status, grpcStatus, headers, reply };
  // A status of the server has trailers; a status that grpc-js creates has none.
  const failure = Object.keys(error.metadata.getMap()).length === 0 ? callErrorOf(error) : undefined;
  if (failure !== undefined) return { kind: 'failed', error: failure };
  return {
    kind: 'other',
    isSigned: isSigned(headers),
    status,
    grpcStatus,
    headers,
    body: error.details,
    bodyBytes: Buffer.byteLength(error.details),
  };
}

/** Reports whether a meshmock made an answer. */
export function isSigned(headers: Headers): boolean {
  return headers[signatureHeader] !== undefined;
}
