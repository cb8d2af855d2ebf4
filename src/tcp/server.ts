import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import type { Connection } from '../connections/connection.ts';
import type { Connections } from '../connections/connections.ts';
import { MeshmockError } from '../error/meshmock-error.ts';
import { answer } from '../execute/answer.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import { NewConnections } from '../execute/concurrency/new-connections.ts';
import { Pace, type PaceTimes } from '../execute/concurrency/pace.ts';
import type { Service } from '../execute/service.ts';
import { dividedBody } from '../reply/divided-body.ts';
import { errorReply } from '../reply/error-reply.ts';
import { encodeReply } from '../reply/json.ts';
import { heldBytesOf, PartedText } from '../reply/long-parts.ts';
import { linesOf } from './lines.ts';

/** TCP server of a service. */
export interface TcpServer {
  /** Serves a connection. */
  accept(socket: Socket): void;
  /** Ends each connection after its next answer. */
  drain(): void;
  /**
   * Ends the connections, each after the answer that it waits for. Nothing listens any more.
   *
   * @param maxMs maximum time for the requests in flight, in milliseconds
   */
  stop(maxMs: number): Promise<void>;
}

/**
 * Creates the TCP server of a service. It answers each line with a line: the reply as JSON, whose request has the text. It
 * does not listen yet.
 *
 * @param acceptHttp takes over a connection that begins like HTTP: many ports that are declared as TCP carry it
 */
export function createTcpServer(
  service: Service,
  connections: Connections,
  acceptHttp: (socket: Socket) => void,
): TcpServer {
  const acceptor = net.createServer();
  const open = new Set<LineConnection>();
  const requests = new InFlight();
  const newConnections = new NewConnections<Socket>();
  let isDraining = false;
  connections.watch(acceptor, (connection) => {
    const { socket } = connection;
    const served = new LineConnection(service, connection, {
      beginRequest() {
        requests.begin();
        newConnections.remove(socket);
      },
      endRequest: () => requests.end(),
      isLast: () => isDraining,
    });
    open.add(served);
    newConnections.add(socket);
    const onClose = (): void => {
      open.delete(served);
      newConnections.remove(socket);
    };
    const onEnd = (): void => served.finish();
    socket.once('close', onClose).once('end', onEnd).on('error', ignoreError);
    socket.once('data', (first: Buffer) => {
      socket.off('end', onEnd);
      socket.pause();
      socket.unshift(first);
      if (!beginsHttp(first)) {
        void served.serve();
        return;
      }
      open.delete(served);
      newConnections.remove(socket);
      connections.release(connection);
      socket.off('close', onClose).off('error', ignoreError);
      acceptHttp(socket);
      socket.resume();
    });
  });
  return {
    accept: (socket) => void acceptor.emit('connection', socket),
    drain() {
      isDraining = true;
    },
    async stop(maxMs) {
      isDraining = true;
      await newConnections.waitForRequests();
      await requests.waitUntilEmpty(maxMs);
      for (const connection of open) connection.finish();
    },
  };
}

/** Server of a connection. */
interface LineServer {
  beginRequest(): void;
  endRequest(): void;
  /** Reports whether an answer is the last of its connection. */
  isLast(): boolean;
}

/** Connection of a client that sends lines. */
class LineConnection {
  readonly socket: Socket;
  private readonly service: Service;
  private readonly connection: Connection;
  private readonly server: LineServer;
  private readonly closed = new AbortController();

  constructor(service: Service, connection: Connection, server: LineServer) {
    this.service = service;
    this.connection = connection;
    this.server = server;
    this.socket = connection.socket;
  }

  /** Answers the lines of the client, one after another. Never rejects. */
  async serve(): Promise<void> {
    const { budgets } = this.service;
    this.socket.once('close', () => this.closed.abort());
    const onLate = (): void => {
      budgets.refusals.add('read-timeout');
      this.socket.destroy();
    };
    try {
      for await (const line of linesOf(this.socket, budgets.limits.readTimeoutMs, onLate)) {
        const isKept = line.kind === 'line' ? await this.answerLine(line.text) : await this.refuse(tooLong);
        if (!isKept || this.server.isLast()) break;
      }
      this.finish();
    } catch {
      // The client has broken the connection.
      this.socket.destroy();
    }
  }

  /** Closes our half of the connection, and the whole once the client has had time to read. */
  finish(): void {
    const { socket } = this;
    if (socket.destroyed) return;
    socket.end();
    // Bytes that are not read would make the kernel reset the connection, and the client might lose an answer.
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once('close', () => clearTimeout(timer));
  }

  /** Answers a line. Returns whether the connection is kept. */
  private async answerLine(text: string): Promise<boolean> {
    const { budgets, shedder } = this.service;
    if (!shedder.admits()) {
      budgets.refusals.add('overload');
      return this.refuse(shedder.error);
    }
    const budget = budgets.beginRequest(text.length);
    if (typeof budget === 'string') return this.refuse(budgets.error(budget));
    this.connection.begin();
    this.server.beginRequest();
    try {
      const answered = await answer(this.service, {
        protocol: 'tcp',
        method: '',
        plan: { kind: 'text', text },
        headers: {},
        signal: this.closed.signal,
        budget,
      });
      if (answered.kind === 'reset') {
        this.connection.reset();
        return false;
      }
      const encoded = encodeReply(answered.reply, '\n');
      budget.settle(heldBytesOf(encoded));
      answered.sent();
      const { paced, reply } = answered;
      if (paced?.kind !== 'chunks' || reply.error !== undefined) await this.send(encoded);
      else if (!(await this.sendInParts(encoded, paced))) {
        this.connection.reset();
        return false;
      }
      return true;
    } finally {
      budget.end();
      this.server.endRequest();
      this.connection.end();
    }
  }

  /** Answers with an error, and ends the connection. */
  private async refuse(error: MeshmockError): Promise<false> {
    await this.send(encodeReply(errorReply(this.service.identity, error), '\n'));
    return false;
  }

  /**
   * Sends a text in parts: the first one at once, the others one in each interval. Returns false if the deadline of the
   * request passes before.
   */
  private async sendInParts(
    text: string | PartedText,
    { count, ...times }: PaceTimes & { count: number },
  ): Promise<boolean> {
    const pace = new Pace(times, this.closed.signal);
    for (const part of dividedBody(text, count)) {
      if (!(await pace.next())) return false;
      for (const buffer of part) await this.write(buffer);
    }
    return true;
  }

  /** Sends a text, and waits until the client has taken so much of it that the socket has room for more. */
  private async send(text: string | PartedText): Promise<void> {
    for (const part of text instanceof PartedText ? text.parts : [text]) await this.write(part);
  }

  private async write(part: string | Buffer): Promise<void> {
    if (!this.socket.write(part)) await once(this.socket, 'drain', { signal: this.closed.signal });
  }
}

/** The loop over the lines, and the end of the connection, say enough about its errors. */
const ignoreError = (): void => {};

/** Time in which a client may read its last answer and close its half, in milliseconds. */
const lingerMs = 1000;

/** Reports whether the first bytes of a client are those of a request of HTTP/1.1, or of HTTP/2. */
function beginsHttp(first: Buffer): boolean {
  return /^[A-Z][A-Z-]* \/\S*(?: HTTP\/1\.|$)|^PRI \* HTTP\/2\./.test(first.toString('latin1', 0, 256));
}

const tooLong = new MeshmockError('limit_exceeded', 'a line has at most 64 KiB');
