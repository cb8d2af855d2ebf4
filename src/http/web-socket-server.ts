import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Connection } from '../connections/connection.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import { answer } from '../execute/answer.ts';
import { type Service, signature } from '../execute/service.ts';
import { errorReply } from '../reply/error-reply.ts';
import { encodeReply } from '../reply/json.ts';
import { heldBytesOf, PartedText } from '../reply/long-parts.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { plainHeaders } from './codec.ts';
import { inGroups } from './streams/message-parts.ts';
import { PieceReader } from './streams/piece-reader.ts';

/** Maximum size of a message, in bytes. A request over HTTP may have a path as long. */
const maxMessageBytes = 64 * 1024;

/** Maximum number of parts of a message. A common size of parts is 4 KiB. */
const maxFragments = 64;

/** Maximum number of pieces of a part that has not arrived as a whole. */
const maxBufferedPieces = 256;

/** Time without a message after which a WebSocket is closed, in milliseconds. */
const maxIdleMs = 5 * 60_000;

/** Code of a server that goes away (RFC 6455 section 7.4.1). */
const goingAway = 1001;

/** WebSockets of a service. */
export interface WebSockets {
  /** Takes over a connection whose client asks for a WebSocket. */
  accept(request: IncomingMessage, connection: Connection, head: Buffer): void;
  /** Closes each WebSocket after the answer that it waits for. */
  close(): void;
  /** Ends those whose clients have not closed their side. */
  terminate(): void;
}

/**
 * Creates the server of WebSockets. A text message that begins with a slash is a path, whose plan is executed: the answer
 * is the reply as JSON. Any other message is sent back.
 *
 * @param onRequest called for each message that is answered, and returns a function to call after its answer
 */
export function createWebSockets(service: Service, onRequest: () => () => void): WebSockets {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: maxMessageBytes,
    maxFragments,
    maxBufferedChunks: maxBufferedPieces,
    perMessageDeflate: false,
  });
  server.on('headers', (headers) => headers.push(`${signatureHeader}: ${signature(service.identity)}`));
  const open = new Set<Exchange>();
  let isClosing = false;
  return {
    accept(request, connection, head) {
      server.handleUpgrade(request, connection.socket as Duplex, head, (socket) => {
        const exchange = new Exchange(service, request, connection, socket, onRequest);
        open.add(exchange);
        socket.once('close', () => open.delete(exchange));
        if (isClosing) exchange.finish();
      });
      connection.socket.resume();
    },
    close() {
      isClosing = true;
      for (const exchange of open) exchange.finish();
    },
    terminate() {
      for (const client of server.clients) client.terminate();
    },
  };
}

/** Message of a client. */
interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** Memory of a message that waits, besides its bytes. */
const waitingMessageBytes = 512;

function bytesOf({ data }: Message): number {
  return waitingMessageBytes + data.length;
}

/** WebSocket of one client. Its messages are answered one after another. */
class Exchange {
  private readonly service: Service;
  private readonly request: IncomingMessage;
  private readonly connection: Connection;
  private readonly socket: WebSocket;
  private readonly reader: PieceReader;
  private readonly onRequest: () => () => void;
  private readonly closed = new AbortController();
  private readonly idle: NodeJS.Timeout;
  private isBusy = false;
  /** Messages that have arrived with the one that is being answered. */
  private readonly waiting: Message[] = [];
  private isLast = false;

  constructor(
    service: Service,
    request: IncomingMessage,
    connection: Connection,
    socket: WebSocket,
    onRequest: () => () => void,
  ) {
    this.service = service;
    this.request = request;
    this.connection = connection;
    this.socket = socket;
    this.reader = new PieceReader(connection.socket, socket, service.budgets);
    this.onRequest = onRequest;
    this.idle = setTimeout(() => this.finish(), maxIdleMs).unref();
    socket.on('message', (data, isBinary) => this.accept({ data: data as Buffer, isBinary }));
    // A message that breaks a rule closes the socket.
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(this.idle);
      for (const message of this.waiting.splice(0)) service.budgets.endWaiting(bytesOf(message));
      this.closed.abort();
    });
  }

  /** Closes the socket, after the answer to the message that has arrived. */
  finish(): void {
    this.isLast = true;
    if (!this.isBusy) this.socket.close(goingAway);
  }

  private accept(message: Message): void {
    const { socket, service } = this;
    if (this.isLast) return;
    if (!this.isBusy) {
      // The next one is read when this one is answered, unless it has arrived with it.
      this.reader.hold();
      void this.answerAll(message);
    } else if (service.budgets.beginWaiting(bytesOf(message))) this.waiting.push(message);
    else socket.terminate();
  }

  /** Answers a message, and those that wait. Never rejects. */
  private async answerAll(first: Message): Promise<void> {
    const { socket, connection, waiting, service } = this;
    this.isBusy = true;
    this.idle.refresh();
    const end = this.onRequest();
    connection.begin();
    try {
      await this.answerMessage(first);
      while (!this.isLast && !this.closed.signal.aborted) {
        const next = waiting.shift();
        if (next === undefined) break;
        service.budgets.endWaiting(bytesOf(next));
        await this.answerMessage(next);
      }
    } catch {
      socket.terminate();
    } finally {
      connection.end();
      end();
      this.isBusy = false;
      if (this.isLast) socket.close(goingAway);
      this.reader.release();
    }
  }

  private async answerMessage({ data, isBinary }: Message): Promise<void> {
    const { service, request } = this;
    const { budgets, shedder } = service;
    if (!shedder.admits()) {
      budgets.refusals.add('overload');
      await this.refuse(shedder.error);
      return;
    }
    const budget = budgets.beginRequest(data.length);
    if (typeof budget === 'string') {
      await this.refuse(budgets.error(budget));
      return;
    }
    try {
      const path = isBinary ? '' : data.toString();
      if (!path.startsWith('/')) {
        await this.send(data, isBinary);
        return;
      }
      const answered = await answer(service, {
        protocol: 'http',
        method: request.method ?? '',
        plan: { kind: 'path', path },
        headers: plainHeaders(request.headers),
        connection: this.connection.facts,
        signal: this.closed.signal,
        budget,
      });
      if (answered.kind === 'reset') {
        this.connection.reset();
        return;
      }
      const encoded = encodeReply(answered.reply);
      budget.settle(heldBytesOf(encoded));
      answered.sent();
      await this.send(encoded, false);
    } finally {
      budget.end();
    }
  }

  /** Answers with an error, and closes the socket. */
  private async refuse(error: MeshmockError): Promise<void> {
    this.isLast = true;
    await this.send(JSON.stringify(errorReply(this.service.identity, error)), false);
  }

  /** Sends a message, and waits until the socket has room for more. */
  private async send(content: string | Buffer | PartedText, isBinary: boolean): Promise<void> {
    const parts = content instanceof PartedText ? inGroups(content.parts) : [content];
    for (const [index, part] of parts.entries()) {
      const sent = Promise.withResolvers<void>();
      const fin = index === parts.length - 1;
      const bytes = Array.isArray(part) ? Buffer.concat(part) : part;
      this.socket.send(bytes, { binary: isBinary, fin }, (error) => (error ? sent.reject(error) : sent.resolve()));
      await sent.promise;
    }
  }
}
