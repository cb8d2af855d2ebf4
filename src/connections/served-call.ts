import { constants, type ServerHttp2Stream } from 'node:http2';
import type { RequestBudget } from '../execute/budgets/budgets.ts';
import type { BudgetLimits } from '../execute/budgets/limits.ts';
import type { CheckClock } from './check-clock.ts';
import type { Connection, ConnectionFacts } from './connection.ts';

/** Bytes of an answer for which its client gets the write timeout once more, while it reads. */
const bytesPerTimeout = 1_000_000;

/** Number of write timeouts that each answer gets. */
const leastTimeouts = 2;

/** Request of a client over HTTP/2, from its headers until its stream is closed. */
export class ServedCall {
  /** Name among the requests of the server. */
  readonly id: string;
  /** Full name of the gRPC method, such as `shop.Basket/Get`; the path of any other request. */
  readonly method: string;
  readonly budget: RequestBudget;
  private readonly stream: ServerHttp2Stream;
  private readonly connection: Connection;
  private readonly clock: CheckClock;
  private arrivedAt: number;
  private state: 'arriving' | 'executing' | 'sending' | 'answering' = 'arriving';
  private answeredAt = 0;
  private answerBytes = 0;

  constructor(
    id: string,
    method: string,
    stream: ServerHttp2Stream,
    connection: Connection,
    budget: RequestBudget,
    clock: CheckClock,
  ) {
    this.id = id;
    this.method = method;
    this.stream = stream;
    this.connection = connection;
    this.budget = budget;
    this.clock = clock;
    this.arrivedAt = clock.now();
    connection.begin();
  }

  /** Facts of the connection. */
  get facts(): ConnectionFacts {
    return this.connection.facts;
  }

  /** True if the answer is made. */
  get isAnswered(): boolean {
    return this.state === 'answering';
  }

  /** Marks the request, or the next message of it, as arriving from now on. */
  beginArrival(): void {
    this.state = 'arriving';
    this.arrivedAt = this.clock.now();
  }

  /** Marks the request as read. */
  beginExecution(): void {
    this.state = 'executing';
  }

  /** Marks a message as one that the client must take before the rest of the request is read. */
  beginMessage(bytes: number): void {
    this.state = 'sending';
    this.answeredAt = this.clock.now();
    this.answerBytes = bytes;
  }

  /** Marks the answer as made. */
  beginAnswer(bytes: number): void {
    if (this.state === 'answering') return;
    this.state = 'answering';
    this.answeredAt = this.clock.now();
    this.answerBytes = bytes;
    this.connection.beginAnswer();
  }

  /** Ends the call, when its stream is closed. */
  end(): void {
    if (this.state === 'answering') this.connection.endAnswer();
    this.connection.end();
    this.budget.end();
  }

  /**
   * Ends a call that takes too long on the wire. Returns the bound, if there is one.
   *
   * A client may read other answers on the same connection. So one answer has a time of its own, besides the progress of
   * its connection.
   */
  endIfLate({ readTimeoutMs, writeTimeoutMs }: BudgetLimits): 'read-timeout' | 'write-timeout' | undefined {
    const now = this.clock.now();
    if (this.state === 'arriving' && now - this.arrivedAt > readTimeoutMs) {
      this.stream.close(constants.NGHTTP2_CANCEL);
      return 'read-timeout';
    }
    const maxAnswerMs = writeTimeoutMs * (leastTimeouts + this.answerBytes / bytesPerTimeout);
    if ((this.state === 'sending' || this.state === 'answering') && now - this.answeredAt > maxAnswerMs) {
      this.stream.close(constants.NGHTTP2_CANCEL);
      return 'write-timeout';
    }
    return undefined;
  }
}
