import { Metadata } from '@grpc/grpc-js';
import type { ServedCall } from '../connections/served-call.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { firstBytes } from '../error/text-bytes.ts';
import type { Answer } from '../execute/answer.ts';
import { RequestParseRoom } from '../execute/budgets/parse-room.ts';
import { Pace, type PaceTimes } from '../execute/concurrency/pace.ts';
import { type Service, signature } from '../execute/service.ts';
import { headerFields } from '../plan/plan.ts';
import { replyTrailer, signatureHeader } from '../reply/mesh-headers.ts';
import { type RawReply, type Reply, shownBodyBytes } from '../reply/reply.ts';
import { requestError } from '../reply/request-error.ts';
import { statusesOfError } from '../reply/status.ts';
import { metadataOf } from './codec.ts';
import { copiesOfDetails, copiesOfMessage, encodeAnswer } from './encode-answer.ts';
import { detailsBytesOf, errorStatusOf, prunedMessage } from './status-details.ts';
import type { RequestMessages, StreamCall } from './streams/request-messages.ts';

/** Answer of a call: its messages, and its status with the reply. */
export class StreamAnswer {
  private readonly service: Service;
  private readonly served: ServedCall;
  private readonly call: StreamCall;
  private readonly answered: Extract<Answer, { kind: 'reply' }>;
  private readonly limitBytes: number;
  private readonly firstRequest: string | undefined;
  private readonly metadata = new Metadata();
  private hasBegun = false;
  private messageBytes = 0;

  /**
   * @param limitBytes maximum size of the reply in the trailers, in bytes
   * @param firstRequest JSON of the first message of the request
   */
  constructor(
    service: Service,
    served: ServedCall,
    call: StreamCall,
    answered: Extract<Answer, { kind: 'reply' }>,
    limitBytes: number,
    firstRequest: string | undefined,
  ) {
    this.service = service;
    this.served = served;
    this.call = call;
    this.answered = answered;
    this.limitBytes = limitBytes;
    this.firstRequest = firstRequest;
    this.metadata.set(signatureHeader, signature(service.identity));
    this.metadata.merge(metadataOf(headerFields(answered.headers)));
  }

  /** Sends the first message. */
  begin(message: Buffer): void {
    const { call, served } = this;
    this.hasBegun = true;
    this.messageBytes = message.length;
    served.budget.settle(copiesOfMessage * message.length);
    call.sendMetadata(this.metadata);
    call.write(message);
  }

  /** Sends a further message. Waits until the client takes it, or has gone. */
  async write(message: Buffer): Promise<void> {
    const { call, served } = this;
    if (call.destroyed) return;
    served.beginMessage(message.length);
    const taken = Promise.withResolvers<void>();
    const onTaken = (): void => taken.resolve();
    call.once('close', onTaken);
    call.write(message, onTaken);
    await taken.promise;
    call.off('close', onTaken);
  }

  /**
   * Sends the first message again, one in each interval. Returns false if the deadline passes before the last one.
   *
   * @param signal aborted when the client has gone, which ends the messages
   */
  async repeat(
    message: Buffer,
    { count, ...times }: PaceTimes & { count: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const pace = new Pace(times, signal);
    try {
      await pace.next();
      for (let sent = 1; sent < count; sent++) {
        if (!(await pace.next())) return false;
        await this.write(message);
        // The client has taken it, so the next one has its own time.
        this.served.beginExecution();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return true;
  }

  /**
   * Sends the status, with the reply in the trailers.
   *
   * @param error reason why the request failed after its plan was executed
   */
  end(requests: RequestMessages, error?: MeshmockError): void {
    const { service, served, call, answered, limitBytes } = this;
    // Without a message, the trailers are all that the client gets.
    const trailers = this.hasBegun ? new Metadata() : this.metadata;
    const room = new RequestParseRoom(service.budgets, served.budget, copiesOfMessage);
    const sent = encodeAnswer(
      answered,
      room,
      (reply) =>
        reply.status >= 400
          ? { kind: 'error', status: errorStatusOf(reply, limitBytes, trailers) }
          : { kind: 'message', bytes: prunedMessage(reply, limitBytes) },
      this.replyWith(requests, error),
    );
    trailers.merge(metadataOf(headerFields(answered.trailers)));
    if (sent.kind === 'message') trailers.set(replyTrailer, sent.bytes);
    const bytes = copiesOfDetails * (sent.kind === 'message' ? sent.bytes.length : detailsBytesOf(trailers));
    served.budget.settle(this.messageBytes + bytes);
    served.beginAnswer(this.messageBytes + bytes);
    if (sent.kind === 'error') call.emit('error', sent.status);
    else call.end(trailers);
  }

  /** Returns the reply with the facts of the request that its messages show. A large body is only in the message. */
  private replyWith({ count, bytes }: RequestMessages, error: MeshmockError | undefined): Reply<RawReply> {
    const { request, body, ...rest } = this.answered.reply;
    const shown = this.firstRequest === undefined ? undefined : firstBytes(this.firstRequest, shownBodyBytes);
    const messages = { messages: count, messageBytes: bytes, ...optional('message', shown) };
    return {
      ...rest,
      ...(typeof body === 'string' ? { body } : {}),
      ...(request === undefined ? {} : { request: { ...request, ...messages } }),
      ...(error === undefined ? {} : { ...statusesOfError(error), error: requestError(error) }),
    };
  }
}
