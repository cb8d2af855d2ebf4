import type { Socket } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { decodeFirstBytes } from '../error/text-bytes.ts';
import {
  abortedAnswer,
  type CallAnswer,
  type Client,
  maxForeignBytes,
  maxReplyBytes,
  type OutgoingCall,
} from '../execute/client.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { RawReply } from '../reply/reply.ts';
import { isAdminPath } from './admin-routes.ts';
import { callErrorOf } from './call-error.ts';
import { plainHeaders } from './codec.ts';

const maxConnectMs = 60_000;

/**
 * Creates the HTTP client, with one unbounded connection pool per origin. A bounded pool deadlocks when services call each
 * other: the outer calls hold all connections, and the inner calls wait for one.
 *
 * @example
 * const client = createHttpClient();
 * const answer = await client.call(call, AbortSignal.timeout(call.timeoutMs));
 */
export function createHttpClient(): Client {
  const connect = buildConnector({ timeout: maxConnectMs, allowH2: false });
  // undici dials within `dispatch`, so a call gets its socket before the socket is connected.
  let dispatching: Exchange | undefined;
  const agent = new Agent({
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => {
      const socket = connect(options, callback) as unknown as Socket;
      dispatching?.onDialling(socket);
      return socket;
    },
  });
  return {
    call: (call, signal) =>
      new Promise((resolve) => {
        dispatching = new Exchange(call, signal, resolve);
        dispatching.start(agent);
        dispatching = undefined;
      }),
    close: () => agent.destroy(),
  };
}

/** Handler of undici for one call. It settles exactly once, at the latest when the signal is aborted. */
class Exchange implements Dispatcher.DispatchHandler {
  private readonly call: OutgoingCall;
  private readonly signal: AbortSignal;
  private readonly resolve: (answer: CallAnswer) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private dialling: Socket | undefined;
  private settled = false;
  private status = 0;
  private headers: Headers = {};
  private isReply = false;
  private chunks: Buffer[] = [];
  private bytes = 0;

  constructor(call: OutgoingCall, signal: AbortSignal, resolve: (answer: CallAnswer) => void) {
    this.call = call;
    this.signal = signal;
    this.resolve = resolve;
  }

  start(agent: Agent): void {
    if (this.signal.aborted) {
      this.onAbort();
      return;
    }
    this.signal.addEventListener('abort', this.onAbort, { once: true });
    const { scheme, authority, dial, method, path, headers, body } = this.call;
    const host = dial.host.includes(':') ? `[${dial.host}]` : dial.host;
    try {
      agent.dispatch(
        {
          origin: `${scheme}://${host}:${dial.port}`,
          path,
          method,
          body: body ?? null,
          headers: { host: authority, accept: 'application/json', ...headers },
        },
        this,
      );
    } catch (error) {
      this.onResponseError(undefined, error as Error);
    }
  }

  onDialling(socket: Socket): void {
    this.dialling = socket;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.dialling = undefined;
    this.controller = controller;
    if (this.settled) controller.abort(new Error('the call has ended'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Dispatcher.ResponseData['headers'],
  ): void {
    if (status < 200) return;
    this.status = status;
    this.headers = plainHeaders(headers);
    this.isReply = carriesReply(this.headers, this.call);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length;
    this.chunks.push(chunk);
    if (this.isReply && this.bytes > maxReplyBytes) {
      this.settle({
        kind: 'failed',
        error: { code: 'too_large', message: `the reply is larger than ${maxReplyBytes} bytes` },
      });
      controller.abort(new Error('too large'));
    } else if (!this.isReply && this.bytes > maxForeignBytes) {
      // The rest of a longer body is not read, which costs the connection.
      this.settle(this.other(Number(this.headers['content-length'] ?? this.bytes)));
      controller.abort(new Error('read enough'));
    }
  }

  onResponseEnd(): void {
    const json = this.isReply ? Buffer.concat(this.chunks).toString() : '';
    // A reply is embedded unparsed, so it must have its outline, or it would break the whole answer.
    if (this.isReply && /^\{\s*"service":/.test(json) && /\}\s*$/.test(json.slice(-100))) {
      this.settle({ kind: 'reply', status: this.status, headers: this.headers, reply: new RawReply(json) });
    } else {
      this.settle(this.other(this.bytes));
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.settle({ kind: 'failed', error: callErrorOf(error) });
  }

  private other(bytes: number): CallAnswer {
    const body = decodeFirstBytes(Buffer.concat(this.chunks), maxForeignBytes);
    const isSigned = this.headers[signatureHeader] !== undefined;
    return { kind: 'other', isSigned, status: this.status, headers: this.headers, body, bodyBytes: bytes };
  }

  private readonly onAbort = (): void => {
    this.settle(abortedAnswer(this.signal));
    this.controller?.abort(new Error('the call has ended'));
    // Without an error undici would wait for the connection for ever.
    this.dialling?.destroy(new Error('the call has ended'));
  };

  private settle(answer: CallAnswer): void {
    if (this.settled) return;
    this.settled = true;
    this.signal.removeEventListener('abort', this.onAbort);
    this.resolve(answer);
  }
}

/** Reports whether an answer carries a reply. Those of admin routes, to HEAD, or compressed by a proxy do not. */
function carriesReply(headers: Headers, { method, path }: OutgoingCall): boolean {
  const json =
    headers['content-type']?.startsWith('application/json') === true && headers['content-encoding'] === undefined;
  return json && headers[signatureHeader] !== undefined && method !== 'HEAD' && !isAdminPath(path);
}
