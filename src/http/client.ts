import { Agent, type Dispatcher } from 'undici';
import {
  abortedAnswer,
  type CallAnswer,
  type Client,
  largestReplyBytes,
  type OutgoingCall,
  shownBodyBytes,
} from '../execute/client.ts';
import { signatureHeader } from '../execute/service.ts';
import type { Headers } from '../reply/evidence.ts';
import { RawReply } from '../reply/reply.ts';
import { callErrorOf } from './call-error.ts';
import { plainHeaders } from './codec.ts';
import { isOwnPath } from './own-paths.ts';

/** A foreign body is read this far to keep its connection; a longer one costs the connection. */
const readForeignBytes = 64 * 1024;

/**
 * The HTTP client. One pool for each origin and no bound on its connections: a bounded pool deadlocks as soon as
 * services call each other in turn, the outer calls holding every connection that the inner ones wait for.
 */
export function createHttpClient(): Client {
  const agent = new Agent({
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 60_000 },
  });
  return {
    call: (call, signal) => new Promise((resolve) => new Exchange(call, signal, resolve).start(agent)),
    close: () => agent.close(),
  };
}

/** One call: undici's handler for it. Settles exactly once, at the latest when the signal is aborted. */
class Exchange implements Dispatcher.DispatchHandler {
  private readonly call: OutgoingCall;
  private readonly signal: AbortSignal;
  private readonly resolve: (answer: CallAnswer) => void;
  private controller: Dispatcher.DispatchController | undefined;
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
    const { scheme, authority, dial, method, path, headers } = this.call;
    const host = dial.host.includes(':') ? `[${dial.host}]` : dial.host;
    try {
      agent.dispatch(
        {
          origin: `${scheme}://${host}:${dial.port}`,
          path,
          method,
          headers: { host: authority, accept: 'application/json', ...headers },
        },
        this,
      );
    } catch (error) {
      this.onResponseError(undefined, error as Error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
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
    this.isReply = isReply(this.headers, this.call.path);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.isReply && this.bytes > largestReplyBytes) {
      this.settle({
        kind: 'failed',
        error: { code: 'too_large', message: `the reply is larger than ${largestReplyBytes} bytes` },
      });
      controller.abort(new Error('too large'));
    } else if (!this.isReply && this.bytes > readForeignBytes) {
      this.settle(this.foreign(Number(this.headers['content-length'] ?? this.bytes)));
      controller.abort(new Error('read enough'));
    } else {
      this.chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.isReply) {
      const json = Buffer.concat(this.chunks).toString();
      this.settle({ kind: 'reply', status: this.status, headers: this.headers, reply: new RawReply(json) });
    } else {
      this.settle(this.foreign(this.bytes));
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.settle({ kind: 'failed', error: callErrorOf(error) });
  }

  private foreign(bytes: number): CallAnswer {
    const shown = Buffer.concat(this.chunks).subarray(0, shownBodyBytes).toString();
    const answer = { kind: 'foreign', status: this.status, headers: this.headers, body: shown } as const;
    return bytes > shownBodyBytes ? { ...answer, bodyBytes: bytes } : answer;
  }

  private readonly onAbort = (): void => {
    this.settle(abortedAnswer(this.signal));
    this.controller?.abort(new Error('the call has ended'));
  };

  private settle(answer: CallAnswer): void {
    if (this.settled) return;
    this.settled = true;
    this.signal.removeEventListener('abort', this.onAbort);
    this.resolve(answer);
  }
}

/** What a meshmock says of its own paths is a text, not a reply. */
function isReply(headers: Headers, path: string): boolean {
  const json = headers['content-type']?.startsWith('application/json') === true;
  return json && headers[signatureHeader] !== undefined && !isOwnPath(path);
}
