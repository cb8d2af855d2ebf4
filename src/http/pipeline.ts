import { IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection, ConnectionFacts } from '../connections/connection.ts';
import type { Budgets, RequestBudget } from '../execute/budgets/budgets.ts';
import type { Bound } from '../execute/budgets/limits.ts';
import type { InFlight } from '../execute/concurrency/in-flight.ts';
import { beginsHttp2, leaveHttp1 } from './leave-http1.ts';

/** Request of a client, with its turn. */
export class PipelinedRequest extends IncomingMessage {
  turn: Turn | undefined;
}

/** One request of a connection, as its handler sees it. */
export interface RequestTurn {
  /** Signal that is aborted if the client closes the connection, or the stream, before the response is sent. */
  readonly signal: AbortSignal;
  /** Facts of the connection. */
  readonly facts: ConnectionFacts;
  /** Called when the connection becomes unreadable before the request has arrived as a whole. */
  onUnreadable: (() => void) | undefined;
  /** Marks the request as read. */
  endArrival(): void;
  /** Marks a part of the answer as one that the client must take. */
  beginPart(bytes: number): void;
  /** Marks this part as taken. */
  endPart(): void;
  /** Marks the answer as made. It has this many bytes. */
  beginAnswer(bytes: number): void;
  /** Resets the connection, or the stream of HTTP/2, in place of a response. */
  reset(): void;
}

/** One request of a connection, from its arrival until its response is sent. */
export class Turn implements RequestTurn {
  onUnreadable: (() => void) | undefined;
  private readonly pipeline: Pipeline;
  private budgetOfRequest: RequestBudget | undefined;
  private readonly client = new AbortController();
  private ended = false;

  constructor(pipeline: Pipeline) {
    this.pipeline = pipeline;
  }

  get signal(): AbortSignal {
    return this.client.signal;
  }

  /** Begins the request, and returns its budget, or the bound that refuses it. */
  begin(budgets: Budgets, request: IncomingMessage): RequestBudget | Bound {
    const budget = budgets.beginRequest(sizeOf(request));
    if (typeof budget === 'string') return budget;
    this.budgetOfRequest = budget;
    this.pipeline.connection.begin();
    return budget;
  }

  /** Marks the request as refused. */
  refuse(response: ServerResponse): void {
    this.pipeline.refuseMore(response);
  }

  get facts(): ConnectionFacts {
    return this.pipeline.connection.facts;
  }

  /** The connection itself shows whether its client reads. */
  endArrival(): void {}

  beginPart(): void {}

  endPart(): void {}

  beginAnswer(): void {}

  reset(): void {
    this.pipeline.connection.reset();
  }

  /** Ends the turn: its response is sent, or its connection has closed. */
  end(isSent: boolean): void {
    if (this.ended) return;
    this.ended = true;
    if (!isSent) this.client.abort();
    if (this.budgetOfRequest !== undefined) {
      this.budgetOfRequest.end();
      this.pipeline.connection.end();
    }
    this.pipeline.onEnd(this);
  }
}

/** Request that waits until its connection has fewer requests. */
interface WaitingRequest {
  readonly bytes: number;
  start(): void;
}

/** Memory of a request that waits, besides its headers, in bytes. */
const waitingRequestBytes = 4096;

/** Size of the pieces in which a chunk is parsed, in bytes. Each may have some requests more than can run. */
const pieceBytes = 1024;

/**
 * Requests of one HTTP/1.1 connection. A client may send several before it gets an answer (RFC 9112 section 9.3.2). Up to
 * `maxPipelined` of them run at once. While others wait, nothing more is read and parsed.
 */
export class Pipeline {
  readonly connection: Connection;
  private readonly budgets: Budgets;
  private readonly requests: InFlight;
  private readonly turns: Turn[] = [];
  private readonly waiting: WaitingRequest[] = [];
  private parse: (piece: Buffer) => void = () => {};
  /** Bytes that have been read and not parsed. */
  private unparsed: Buffer | undefined;
  /** True if no request after the present ones is read. */
  private isLast = false;
  private failed = false;
  /** True if another protocol reads the connection. */
  private hasLeft = false;
  /** True until the first bytes arrive. */
  private isFresh = true;
  private readonly leave: () => void;
  private onDrained: (() => void) | undefined;

  /**
   * @param requests counter of the requests of all connections
   * @param leave called with a connection of HTTP/2, which nothing has read yet
   */
  constructor(connection: Connection, budgets: Budgets, requests: InFlight, leave: () => void) {
    this.connection = connection;
    this.budgets = budgets;
    this.requests = requests;
    this.leave = leave;
    connection.socket.once('close', () => this.close());
  }

  /**
   * Puts itself between the socket and the parser of Node, which would parse a chunk of thousands of requests to its end.
   * Call it when the parser listens to the socket.
   */
  beginToRead(): void {
    const { socket } = this.connection;
    const [parse] = socket.listeners('data');
    if (parse === undefined) return;
    this.parse = parse as (piece: Buffer) => void;
    socket.removeListener('data', this.parse);
    socket.on('data', (chunk: Buffer) => {
      if (this.isLast) return;
      if (this.isFresh) {
        this.isFresh = false;
        if (!isEncrypted(socket) && beginsHttp2(chunk)) {
          leaveHttp1(socket, chunk);
          this.leave();
          return;
        }
      }
      this.unparsed = this.unparsed === undefined ? chunk : Buffer.concat([this.unparsed, chunk]);
      this.parseMore();
    });
    socket.on('resume', () => {
      // Node resumes when the client has read enough, although requests wait.
      if (this.waiting.length > 0) socket.pause();
      else this.parseMore();
    });
  }

  /**
   * Reports whether Node does not read, because the client has not read the answers. Its parser throws if it gets data then
   * (nodejs/node, lib/_http_server.js, `socketOnData`). Node resumes when the client has read.
   */
  private get isPausedByNode(): boolean {
    return (this.connection.socket as Socket & { readonly _paused?: boolean })._paused === true;
  }

  private parseMore(): void {
    const { socket } = this.connection;
    while (this.waiting.length === 0 && !socket.isPaused() && !this.isPausedByNode && !socket.destroyed) {
      const { unparsed } = this;
      if (unparsed === undefined) return;
      this.unparsed = unparsed.length > pieceBytes ? unparsed.subarray(pieceBytes) : undefined;
      this.parse(unparsed.length > pieceBytes ? unparsed.subarray(0, pieceBytes) : unparsed);
    }
  }

  /** Leaves the connection to another protocol. Returns the bytes that have been read and not parsed. */
  leaveForUpgrade(): Buffer {
    const { socket } = this.connection;
    socket.removeAllListeners('data').removeAllListeners('resume');
    this.hasLeft = true;
    const rest = this.unparsed ?? Buffer.alloc(0);
    this.unparsed = undefined;
    return rest;
  }

  /** Accepts a request, and starts it now or when others have ended. */
  accept(request: PipelinedRequest, response: ServerResponse, start: () => void): void {
    const turn = new Turn(this);
    request.turn = turn;
    this.turns.push(turn);
    this.requests.begin();
    response.once('close', () => turn.end(response.writableFinished));
    // With this one.
    const running = this.turns.length - this.waiting.length;
    if (running <= this.budgets.limits.maxPipelined) start();
    else this.wait({ bytes: waitingRequestBytes + sizeOf(request), start });
  }

  private wait(waiting: WaitingRequest): void {
    const { socket } = this.connection;
    if (!this.budgets.beginWaiting(waiting.bytes)) {
      socket.destroy();
      return;
    }
    // Node starts to read again after each request, so reading can only stop after the last one of a piece.
    if (this.waiting.push(waiting) === 1)
      process.nextTick(() => {
        if (this.waiting.length > 0) socket.pause();
      });
  }

  onEnd(turn: Turn): void {
    this.requests.end();
    // Responses are sent in the order of their requests.
    if (this.turns[0] === turn) this.turns.shift();
    else this.turns.splice(this.turns.indexOf(turn), 1);
    const next = this.waiting.shift();
    if (next !== undefined) {
      this.budgets.endWaiting(next.bytes);
      if (this.waiting.length === 0 && !this.isPausedByNode && !this.hasLeft) this.connection.socket.resume();
      next.start();
    }
    if (this.turns.length === 0) this.onDrained?.();
  }

  /** Reads no further request if one was refused behind others: the client sends more than there is room for. */
  refuseMore(response: ServerResponse): void {
    if (this.turns.length === 1) return;
    response.shouldKeepAlive = false;
    this.isLast = true;
    this.unparsed = undefined;
  }

  /** Marks the connection as unreadable. Returns false if it already is: the parser repeats its error. */
  fail(): boolean {
    if (this.failed) return false;
    this.failed = true;
    // No further part of a body arrives.
    for (const turn of this.turns) turn.onUnreadable?.();
    return true;
  }

  /** Runs an action when no request is left whose response must be sent before. */
  whenDrained(action: () => void): void {
    if (this.turns.length === 0) action();
    else this.onDrained = action;
  }

  /** True if a request has no response yet. */
  get isBusy(): boolean {
    return this.turns.length > 0;
  }

  /** Ends all requests of a connection that has closed. Node emits `close` only for the first response. */
  private close(): void {
    this.onDrained = undefined;
    this.unparsed = undefined;
    for (const { bytes } of this.waiting.splice(0)) this.budgets.endWaiting(bytes);
    for (const turn of [...this.turns]) turn.end(false);
  }
}

/** Reports whether a connection has TLS. Its client asks for HTTP/2 by ALPN, and gets another server then. */
function isEncrypted(socket: Socket): boolean {
  return 'encrypted' in socket;
}

function sizeOf({ rawHeaders, url = '' }: IncomingMessage): number {
  let bytes = url.length;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
