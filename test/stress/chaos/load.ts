import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { decodeReplyMessage, encodeRequest } from '../../../src/grpc/codec.ts';
import { callMethod } from '../../../src/reply/reply.ts';
import type { Random } from '../../random.ts';

/** Addresses of the service that clients use. They change when a Service gets another endpoint. */
export interface Endpoint {
  httpPort: number;
  grpcPort: number;
  /** gRPC port that a kept client tries if the other one refuses a new connection, as behind the address of a Service. */
  readonly otherGrpcPort?: number;
}

/** Kinds of clients: each request on a new connection, or all on a kept one. */
export const clientKinds = ['http new', 'http kept', 'grpc new', 'grpc kept'] as const;
export type ClientKind = (typeof clientKinds)[number];

/** Requests by kind of client and outcome: `ok`, or the error. */
export type Outcomes = Record<string, number>;

/** Clients that send requests one after another, each with random pauses, until they are stopped. */
export class Load {
  private readonly stopped = new AbortController();
  private readonly lanes: Promise<void>[];
  readonly outcomes: Outcomes = {};
  /** Requests on new connections that have no answer yet. */
  private readonly onNew = new Set<Promise<unknown>>();

  /**
   * @param lanesOfKind number of clients of each kind
   * @param maxPauseMs maximum pause between two requests of a client, in milliseconds
   */
  constructor(endpoint: Endpoint, lanesOfKind: number, maxPauseMs: number, random: Random) {
    this.lanes = clientKinds.flatMap((kind) =>
      Array.from({ length: lanesOfKind }, () => this.runLane(kind, endpoint, maxPauseMs, random)),
    );
  }

  /** Waits until each request on a new connection that was sent before now is answered. */
  async newAnswered(): Promise<void> {
    await Promise.allSettled(this.onNew);
  }

  /** Stops all clients, waits for their last answers, and returns the outcomes. */
  async stop(): Promise<Outcomes> {
    this.stopped.abort();
    await Promise.all(this.lanes);
    return this.outcomes;
  }

  private async runLane(kind: ClientKind, endpoint: Endpoint, maxPauseMs: number, random: Random): Promise<void> {
    using client = createClient(kind, endpoint);
    let sentAt = performance.now();
    while (!this.stopped.signal.aborted) {
      await sleep(random.below(maxPauseMs));
      // On a busy machine, pauses are longer, and answers are read late. A kept connection may then be closed in the
      // meantime. The time since the request before says so: no answer to that one was made earlier.
      const isLate = performance.now() - sentAt > 1.8 * maxPauseMs;
      sentAt = performance.now();
      const sent = client.send();
      if (kind.endsWith('new')) this.onNew.add(sent);
      const outcome = await sent.then(
        () => 'ok',
        (error: Error) => (isLate && kind === 'http kept' ? `${error.message} after a long pause` : error.message),
      );
      this.onNew.delete(sent);
      const key = `${kind}: ${outcome}`;
      this.outcomes[key] = (this.outcomes[key] ?? 0) + 1;
    }
  }
}

interface LoadClient extends Disposable {
  /** Sends a request and waits for the whole answer. */
  send(): Promise<void>;
}

function createClient(kind: ClientKind, endpoint: Endpoint): LoadClient {
  switch (kind) {
    case 'http new':
      return { send: () => sendOnNew(endpoint.httpPort), [Symbol.dispose]() {} };
    case 'http kept': {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      agent.createConnection = () => net.connect(endpoint.httpPort, '127.0.0.1');
      return { send: () => sendByAgent(agent), [Symbol.dispose]: () => agent.destroy() };
    }
    case 'grpc new':
      return {
        async send() {
          const channel = createChannel([endpoint.grpcPort]);
          await callOver(channel).finally(() => channel.close());
        },
        [Symbol.dispose]() {},
      };
    case 'grpc kept':
      return keptChannel(endpoint);
  }
}

const path = '/~delay=1ms-30ms/x';

/** Sends a request over a new connection. A reset after the connection was made is an error of its own. */
async function sendOnNew(port: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  let isConnected = false;
  socket.once('connect', () => {
    isConnected = true;
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  });
  const answer = await text(socket).catch((error: NodeJS.ErrnoException) => {
    throw new Error(isConnected ? `connected, then ${error.code}` : String(error.code));
  });
  if (!/^HTTP\/1\.1 200 /.test(answer))
    throw new Error(answer === '' ? 'closed without an answer' : answer.slice(0, 80));
}

function sendByAgent(agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: 'service', port: 80, path, agent }, (response) => {
      response.on('error', reject).resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
    });
    request.on('error', (error: NodeJS.ErrnoException) => reject(new Error(error.code ?? error.message)));
  });
}

function createChannel(ports: readonly number[]): Client {
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  return new Client(target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
}

function keptChannel({ grpcPort, otherGrpcPort = grpcPort }: Endpoint): LoadClient {
  const channel = createChannel([...new Set([grpcPort, otherGrpcPort])]);
  return { send: () => callOver(channel), [Symbol.dispose]: () => channel.close() };
}

function callOver(channel: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      `/${callMethod}`,
      encodeRequest,
      decodeReplyMessage,
      { path },
      new Metadata(),
      { deadline: Date.now() + 20_000 },
      (error: ServiceError | null) => (error === null ? resolve() : reject(new Error(error.details))),
    );
  });
}
