import net from 'node:net';
import { type CheckedAddresses, checkedLookup } from '../dial/checked-lookup.ts';
import { firstErrorOf, socketErrorCodes } from '../dial/socket-error.ts';
import { DialError, errorDuringLookup, type TargetResolver } from '../dial/target-resolver.ts';
import { decodeFirstBytes } from '../error/text-bytes.ts';
import { PartialAccount } from '../execute/budgets/byte-account.ts';
import { readReply } from '../execute/budgets/read-reply.ts';
import { abortedAnswer, type CallAnswer, type Client, maxForeignBytes, type OutgoingCall } from '../execute/client.ts';
import { abortReason } from '../execute/concurrency/abort-reason.ts';
import { ArrivedParts } from '../execute/concurrency/arrived-parts.ts';
import { tcpText } from '../plan/tcp-text.ts';
import { ReceivedBody } from '../reply/received-body.ts';
import type { CallError } from '../reply/reply.ts';

/**
 * Time without further bytes after which the answer of a server that ends no lines is whole, in milliseconds. Many
 * protocols begin with bytes of the server.
 */
const quietMs = 200;

/** First bytes of a reply. */
const replyStart = '{"service":';

/**
 * Creates the TCP client. Each call is a connection of its own, because proxies balance connections: it sends one line
 * with the text of the call, and reads one line.
 *
 * @example
 * const client = createTcpClient(new TargetResolver(new SystemSource(), allowAllTargets));
 * const answer = await client.call(call, AbortSignal.timeout(call.timeoutMs));
 */
export function createTcpClient(targets: TargetResolver): Client {
  return {
    async call(call, signal) {
      if (signal.aborted) return abortedAnswer(signal);
      const startedAt = performance.now();
      const { host } = call.dial;
      try {
        const addresses = await targets.resolve(host, signal);
        return await new Promise((resolve) => new Exchange(call, startedAt, signal, resolve).start(addresses));
      } catch (error) {
        if (error instanceof DialError) return failed(error.callError);
        return failed(errorDuringLookup(host, startedAt, abortReason(signal)));
      }
    },
    async close() {},
  };
}

function failed(error: CallError): CallAnswer {
  return { kind: 'failed', error };
}

/** One call. It settles exactly once, at the latest when the signal is aborted. */
class Exchange {
  private readonly call: OutgoingCall;
  private readonly signal: AbortSignal;
  private readonly resolve: (answer: CallAnswer) => void;
  private readonly body = new ReceivedBody();
  private readonly parts: ArrivedParts;
  private socket: net.Socket | undefined;
  private settled = false;
  private quiet: NodeJS.Timeout | undefined;
  /** Account of the bytes of the answer. */
  private readonly account: PartialAccount;

  constructor(call: OutgoingCall, startedAt: number, signal: AbortSignal, resolve: (answer: CallAnswer) => void) {
    this.call = call;
    this.parts = new ArrivedParts(startedAt);
    this.account = new PartialAccount(call.account);
    this.signal = signal;
    this.resolve = resolve;
  }

  start(addresses: CheckedAddresses): void {
    const { host, port } = this.call.dial;
    this.body.scan();
    const socket = net.connect({
      host,
      port,
      noDelay: true,
      lookup: checkedLookup(addresses),
    });
    this.socket = socket;
    this.signal.addEventListener('abort', this.onAbort, { once: true });
    socket.once('connect', () => socket.write(`${tcpText(this.call.path)}\n`));
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.once('end', () => this.onEnd());
    socket.once('error', (error) => this.settle(failed(callErrorOf(error))));
  }

  private onData(chunk: Buffer): void {
    const end = chunk.indexOf('\n');
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    const refusedBy = this.account.reserve(part.length);
    if (refusedBy !== undefined) {
      const bytes = this.body.bytes + part.length;
      this.settle({ kind: 'left-out', status: 200, headers: {}, bytes, refusedBy });
      return;
    }
    this.body.add(part);
    this.parts.add();
    clearTimeout(this.quiet);
    const start = this.body.start();
    const isReplyBegun = start.startsWith(replyStart) || replyStart.startsWith(start);
    if (end >= 0 || (!isReplyBegun && this.body.bytes > maxForeignBytes)) this.settle(this.answer());
    else if (!isReplyBegun) this.quiet = setTimeout(() => this.settle(this.answer()), quietMs);
  }

  private onEnd(): void {
    const closed: CallError = { code: 'reset', message: 'the server closed the connection without an answer' };
    this.settle(this.body.bytes === 0 ? failed(closed) : this.answer());
  }

  private answer(): CallAnswer {
    const { body } = this;
    // Nothing signs a line, so only a line that is a reply in all its fields counts as one.
    const read = readReply(body, this.call.account);
    if (read?.kind === 'left-out') return { ...read, status: 200, headers: {} };
    if (read !== undefined) return { ...read, headers: {} };
    const text = decodeFirstBytes(body.whole(), maxForeignBytes).replace(/\r$/, '');
    // A line has no status. 200 says that there is an answer.
    return { kind: 'other', isSigned: false, status: 200, headers: {}, body: text, bodyBytes: body.bytes };
  }

  private readonly onAbort = (): void => this.settle(failed(abortReason(this.signal)));

  private settle(answer: CallAnswer): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.quiet);
    this.signal.removeEventListener('abort', this.onAbort);
    this.socket?.destroy();
    if (answer.kind !== 'reply') {
      this.body.drop();
      this.account.releaseAll();
    }
    this.resolve(answer.kind === 'failed' ? answer : { ...answer, ...this.parts.facts() });
  }
}

/** Returns the error of a call, from the error of its socket. */
function callErrorOf(error: Error): CallError {
  const { code = '', message } = firstErrorOf(error);
  return { code: socketErrorCodes[code] ?? 'protocol', message };
}
