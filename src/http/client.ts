import { Agent, type Dispatcher } from 'undici';
import { noHost, type TargetResolver } from '../dial/target-resolver.ts';
import { decodeFirstBytes } from '../error/text-bytes.ts';
import { PartialAccount } from '../execute/budgets/byte-account.ts';
import type { Bound } from '../execute/budgets/limits.ts';
import { readReply } from '../execute/budgets/read-reply.ts';
import { type CallAnswer, type Client, type ClientTls, maxForeignBytes, type OutgoingCall } from '../execute/client.ts';
import { abortReason } from '../execute/concurrency/abort-reason.ts';
import { isWebSocket } from '../plan/plan.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { ReceivedBody } from '../reply/received-body.ts';
import { RawReply } from '../reply/reply.ts';
import { isAdminPath } from './admin-routes.ts';
import { callErrorOf } from './call-error.ts';
import { plainHeaders } from './codec.ts';
import { createConnector, type Dialling } from './connector.ts';
import { createHttp2Agents, type Http2Agents } from './http2-agents.ts';
import { type ConnectionFacts, type SentRequest, watchSentRequest } from './sent-requests.ts';
import { bodyInPieces } from './streams/body-in-pieces.ts';
import { StreamedAnswer } from './streams/streamed-answer.ts';

/**
 * Creates the HTTP client, with one unbounded connection pool per origin. A bounded pool deadlocks when services call each
 * other: the outer calls hold all connections, and the inner calls wait for one.
 *
 * @example
 * const client = createHttpClient(new TargetResolver(new SystemSource(), allowAllTargets));
 * const answer = await client.call(call, AbortSignal.timeout(call.timeoutMs));
 *
 * @param tls certificates for `https:`; without them, the client trusts well-known authorities
 */
export function createHttpClient(targets: TargetResolver, tls?: ClientTls): Client {
  // undici dials within `dispatch`, so a call gets its socket before the socket is connected.
  let dispatching: Exchange | undefined;
  const onDialling = (dialling: Dialling): void => dispatching?.onDialling(dialling);
  const agent = new Agent({
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: createConnector(targets, onDialling, tls),
  });
  let http2: Http2Agents | undefined;
  const agentOf = (call: OutgoingCall): Agent => {
    if (call.isHttp2 !== true) return agent;
    http2 ??= createHttp2Agents(targets, onDialling, tls);
    return http2.agentOf(call.scheme);
  };
  return {
    call: (call, signal) =>
      new Promise((resolve) => {
        if (isWebSocket(call.scheme)) {
          import('./web-sockets.ts').then(({ callWebSocket }) => resolve(callWebSocket(call, targets, tls, signal)));
          return;
        }
        dispatching = new Exchange(call, signal, resolve);
        dispatching.start(agentOf(call));
        dispatching = undefined;
      }),
    async close() {
      await Promise.all([agent.destroy(), http2?.close()]);
    },
  };
}

/** Handler of undici for one call. It settles exactly once, at the latest when the signal is aborted. */
class Exchange implements Dispatcher.DispatchHandler, SentRequest {
  private readonly call: OutgoingCall;
  private readonly signal: AbortSignal;
  private readonly resolve: (answer: CallAnswer) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private dialling: Dialling | undefined;
  private settled = false;
  private status = 0;
  private headers: Headers = {};
  private isReply = false;
  private facts: ConnectionFacts | undefined;
  private readonly startedAt = performance.now();
  /** Parts of an answer whose length the server does not say. */
  private streamed: StreamedAnswer | undefined;
  private readonly body = new ReceivedBody();
  /** Account of the bytes of the body. */
  private readonly account: PartialAccount;

  constructor(call: OutgoingCall, signal: AbortSignal, resolve: (answer: CallAnswer) => void) {
    this.call = call;
    this.account = new PartialAccount(call.account);
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
    const sent = scheme === 'https' && body !== undefined ? bodyInPieces(body) : undefined;
    const host = dial.host.includes(':') ? `[${dial.host}]` : dial.host;
    try {
      agent.dispatch(
        {
          origin: `${scheme}://${host}:${dial.port}`,
          path,
          method,
          body: sent?.pieces ?? body ?? null,
          headers: fieldsOf(authority, sent === undefined ? headers : { ...headers, ...sent.headers }),
        },
        this,
      );
    } catch (error) {
      this.onResponseError(undefined, error as Error);
    }
  }

  onDialling(dialling: Dialling): void {
    this.dialling = dialling;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.dialling = undefined;
    this.controller = controller;
    if (this.settled) controller.abort(new Error('the call has ended'));
    else if (this.call.scheme !== 'http' || this.call.isHttp2 === true) watchSentRequest(this);
  }

  onSent(facts: ConnectionFacts): void {
    this.facts = facts;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Dispatcher.ResponseData['headers'],
  ): void {
    if (status < 200) return;
    this.status = status;
    this.headers = plainHeaders(headers);
    this.isReply = carriesReply(this.headers, this.call);
    if (this.headers['content-length'] === undefined) this.streamed = new StreamedAnswer(this.headers, this.startedAt);
    if (!this.isReply) return;
    this.body.scan();
    const bytes = Number(this.headers['content-length'] ?? 0);
    const refusedBy = this.account.reserveUpTo(bytes);
    if (refusedBy !== undefined) this.leaveOut(controller, bytes, refusedBy);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.settled) return;
    const { body } = this;
    const refusedBy = this.account.reserveUpTo(body.bytes + chunk.length);
    if (refusedBy !== undefined) {
      this.leaveOut(controller, body.bytes + chunk.length, refusedBy);
      return;
    }
    body.add(chunk);
    this.streamed?.add();
    if (!this.isReply && this.streamed?.hasReply !== true && body.bytes > maxForeignBytes) {
      // The rest of a longer body is not read, which costs the connection.
      this.settle(this.other(Number(this.headers['content-length'] ?? body.bytes)));
      controller.abort(new Error('read enough'));
    }
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: Dispatcher.ResponseData['headers'] = {}): void {
    const { body, status, headers, streamed } = this;
    if (streamed !== undefined) streamed.trailers = plainHeaders(trailers);
    // A reply is embedded unparsed, so it must be valid, or it would break the whole answer.
    const size = body.endScan();
    if (size !== undefined && /^\{\s*"service":/.test(body.start())) {
      this.settle({ kind: 'reply', status, headers, reply: new RawReply(body.content(), size) });
    } else if (streamed?.hasReply === true) {
      const json = streamed.readEvents(body.whole());
      const read = json && readReply(json, this.call.account);
      this.settle(read === undefined ? this.other(body.bytes) : { ...read, status, headers });
    } else {
      this.settle(this.other(body.bytes));
    }
  }

  private leaveOut(controller: Dispatcher.DispatchController, bytes: number, refusedBy: Bound): void {
    const { status, headers } = this;
    this.settle({ kind: 'left-out', status, headers, bytes, refusedBy });
    controller.abort(new Error('too large'));
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: NodeJS.ErrnoException): void {
    const isHost = error.code !== 'ERR_INVALID_URL';
    this.settle({ kind: 'failed', error: isHost ? callErrorOf(error) : noHost(this.call.dial.host) });
  }

  private other(bytes: number): CallAnswer {
    const body = decodeFirstBytes(this.body.whole(), maxForeignBytes);
    const isSigned = this.headers[signatureHeader] !== undefined;
    return { kind: 'other', isSigned, status: this.status, headers: this.headers, body, bodyBytes: bytes };
  }

  private readonly onAbort = (): void => {
    const reason = abortReason(this.signal);
    this.settle({ kind: 'failed', error: this.dialling?.errorOf(reason) ?? reason });
    this.controller?.abort(new Error('the call has ended'));
    this.dialling?.end();
  };

  private settle(answer: CallAnswer): void {
    if (this.settled) return;
    this.settled = true;
    this.signal.removeEventListener('abort', this.onAbort);
    if (answer.kind !== 'reply') {
      this.body.drop();
      this.account.releaseAll();
    }
    const { facts, streamed } = this;
    if (answer.kind === 'failed' || (facts === undefined && streamed === undefined)) this.resolve(answer);
    else this.resolve({ ...answer, ...facts, ...streamed?.facts() });
  }
}

/** Returns names and values of the headers of a call, in turn: undici reads an object more slowly. */
function fieldsOf(authority: string, headers: Headers): string[] {
  const { host = authority, accept = 'application/json' } = headers;
  const fields = ['host', host, 'accept', accept];
  for (const name in headers) if (name !== 'host' && name !== 'accept') fields.push(name, headers[name] ?? '');
  return fields;
}

/** Reports whether an answer carries a reply. Those of admin routes, to HEAD, or compressed by a proxy do not. */
function carriesReply(headers: Headers, { method, path }: OutgoingCall): boolean {
  const json =
    headers['content-type']?.startsWith('application/json') === true && headers['content-encoding'] === undefined;
  return json && headers[signatureHeader] !== undefined && method !== 'HEAD' && !isAdminPath(path);
}
