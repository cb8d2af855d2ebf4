import type { IncomingMessage } from 'node:http';
import type { Socket, TcpNetConnectOpts } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import WebSocket from 'ws';
import { type CheckedAddresses, checkedLookup } from '../dial/checked-lookup.ts';
import { DialError, errorDuringLookup, type TargetResolver } from '../dial/target-resolver.ts';
import { decodeFirstBytes } from '../error/text-bytes.ts';
import { PartialAccount } from '../execute/budgets/byte-account.ts';
import { readReply } from '../execute/budgets/read-reply.ts';
import {
  abortedAnswer,
  type CallAnswer,
  type ClientTls,
  maxForeignBytes,
  type OutgoingCall,
} from '../execute/client.ts';
import { abortReason } from '../execute/concurrency/abort-reason.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { ReceivedBody } from '../reply/received-body.ts';
import type { CallError, Tls } from '../reply/reply.ts';
import { hostOf, serverNameOf } from '../tls/server-name.ts';
import { dialledTls } from '../tls/tls-facts.ts';
import { callErrorOf } from './call-error.ts';
import { plainHeaders } from './codec.ts';
import { tlsOptionsOf } from './connector.ts';

/** Time in which a server that is not a meshmock may answer a message, in milliseconds. It need not. */
const quietMs = 1000;

/** Maximum number of parts of a message. A meshmock sends a large reply in parts of 64 KiB. */
const maxFragments = 1024;

/** Memory of a part of a message, or of a chunk, besides its bytes. */
const partBytes = 200;

/** Bytes that a server may send after its answer: it ends the WebSocket. */
const maxClosingBytes = 4096;

/**
 * Makes a call over a WebSocket of its own: a handshake with the headers of the call, one message with the path of the
 * callee's plan, and one message as the answer.
 */
export async function callWebSocket(
  call: OutgoingCall,
  targets: TargetResolver,
  tls: ClientTls | undefined,
  signal: AbortSignal,
): Promise<CallAnswer> {
  if (signal.aborted) return abortedAnswer(signal);
  const startedAt = performance.now();
  const { host } = call.dial;
  try {
    const addresses = await targets.resolve(host, signal);
    return await new Promise((resolve) => new Exchange(call, signal, resolve).start(addresses, tls));
  } catch (error) {
    if (error instanceof DialError) return failed(error.callError);
    return failed(errorDuringLookup(host, startedAt, abortReason(signal)));
  }
}

function failed(error: CallError): CallAnswer {
  return { kind: 'failed', error };
}

/** One call. It settles exactly once, at the latest when the signal is aborted. */
class Exchange {
  private readonly call: OutgoingCall;
  private readonly signal: AbortSignal;
  private readonly resolve: (answer: CallAnswer) => void;
  private socket: WebSocket | undefined;
  private headers: Headers = {};
  private tls: Tls | undefined;
  private quiet: NodeJS.Timeout | undefined;
  private settled = false;
  /** Account of the bytes of the message. */
  private readonly account: PartialAccount;
  private arrivedBytes = 0;
  private closingBytes = 0;

  constructor(call: OutgoingCall, signal: AbortSignal, resolve: (answer: CallAnswer) => void) {
    this.call = call;
    this.account = new PartialAccount(call.account);
    this.signal = signal;
    this.resolve = resolve;
  }

  start(addresses: CheckedAddresses, tls: ClientTls | undefined): void {
    const { scheme, authority, dial, path, headers } = this.call;
    const host = dial.host.includes(':') ? `[${dial.host}]` : dial.host;
    const options: WebSocket.ClientOptions & ConnectionOptions & TcpNetConnectOpts = {
      host: dial.host,
      port: dial.port,
      headers: { host: authority, ...headers },
      perMessageDeflate: false,
      // The account of the call has the limit of its size.
      maxPayload: 0,
      maxFragments,
      maxBufferedChunks: 0,
      servername: serverNameOf(hostOf(authority)),
      ...(tlsOptionsOf(tls) as object),
      lookup: checkedLookup(addresses),
    };
    const socket = new WebSocket(`${scheme}://${host}:${dial.port}${path}`, options);
    this.socket = socket;
    this.signal.addEventListener('abort', this.onAbort, { once: true });
    let raw: Socket | undefined;
    socket.once('upgrade', (response) => {
      raw = response.socket as Socket;
      this.onUpgrade(response);
    });
    socket.once('open', () => {
      // Chunks are counted before they are collected: a message may never end.
      raw?.prependListener('data', (chunk: Buffer) => this.onChunk(chunk));
      raw?.on('data', () => this.takeArrived());
      socket.send(path);
    });
    socket.once('message', (data) => this.onMessage(bytesOf(data)));
    socket.once('unexpected-response', (_request, response) => void this.onRefused(response));
    socket.once('close', () => this.settle(failed({ code: 'reset', message: closedWithoutAnswer })));
    socket.on('error', (error) => this.settle(failed(callErrorOf(error))));
  }

  private onUpgrade(response: IncomingMessage): void {
    this.headers = plainHeaders(response.headers);
    this.tls = dialledTls(response.socket as Socket);
    if (this.headers[signatureHeader] === undefined)
      this.quiet = setTimeout(() => this.settle(this.other(switchingProtocols, Buffer.alloc(0))), quietMs);
  }

  /** Takes bytes of the account for a message that arrives. */
  private onChunk({ length }: Buffer): void {
    const { socket } = this;
    if (this.settled) {
      this.closingBytes += length;
      if (this.closingBytes > maxClosingBytes) socket?.terminate();
      return;
    }
    this.arrivedBytes += length + partBytes;
    this.takeArrived();
  }

  /** Reserves bytes for all that has arrived, and for the parts of the message. */
  private takeArrived(): void {
    const { socket, headers, arrivedBytes: bytes } = this;
    if (this.settled) return;
    const { _receiver: receiver } = (socket ?? {}) as { readonly _receiver?: { readonly _fragments?: unknown[] } };
    const refusedBy = this.account.reserveUpTo(bytes + partBytes * (receiver?._fragments?.length ?? 0));
    if (refusedBy === undefined) return;
    this.settle({ kind: 'left-out', status: 200, headers, bytes, refusedBy });
    socket?.terminate();
  }

  private onMessage(data: Buffer): void {
    if (this.settled) return;
    const { headers } = this;
    if (headers[signatureHeader] !== undefined) {
      const body = new ReceivedBody();
      body.scan();
      body.add(data);
      const read = readReply(body, this.call.account);
      if (read !== undefined) {
        this.settle(read.kind === 'reply' ? { ...read, headers } : { ...read, status: 200, headers });
        return;
      }
    }
    this.settle(this.other(switchingProtocols, data));
  }

  /** Reads the answer to a handshake that did not succeed: that of a proxy, or of a server without WebSockets. */
  private async onRefused(response: IncomingMessage): Promise<void> {
    this.headers = plainHeaders(response.headers);
    this.tls = dialledTls(response.socket);
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxForeignBytes) break;
      }
    } catch {
      // The part that has arrived is shown.
    }
    this.settle(this.other(response.statusCode ?? 0, Buffer.concat(chunks)));
  }

  private other(status: number, data: Buffer): CallAnswer {
    const { headers } = this;
    const body = decodeFirstBytes(data, maxForeignBytes);
    return {
      kind: 'other',
      isSigned: headers[signatureHeader] !== undefined,
      status,
      headers,
      body,
      bodyBytes: data.length,
    };
  }

  private readonly onAbort = (): void => this.settle(failed(abortReason(this.signal)));

  private settle(answer: CallAnswer): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.quiet);
    this.signal.removeEventListener('abort', this.onAbort);
    const { socket, tls } = this;
    if (answer.kind !== 'reply') this.account.releaseAll();
    if (socket?.readyState === WebSocket.OPEN) socket.close();
    // A callee notices a client that goes by the end of the connection.
    if (answer.kind === 'failed' || socket?.readyState !== WebSocket.CLOSING) socket?.terminate();
    // A server that does not close its half keeps nothing of this process.
    setTimeout(() => socket?.terminate(), quietMs).unref();
    this.resolve(answer.kind === 'failed' || tls === undefined ? answer : { ...answer, tls });
  }
}

const switchingProtocols = 101;
const closedWithoutAnswer = 'the server closed the WebSocket without an answer';

function bytesOf(data: WebSocket.RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
