import { isIPv4, isIPv6 } from 'node:net';
import { Client as Channel, connectivityState, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { abortedAnswer, type CallAnswer, type Client, maxReplyBytes, type OutgoingCall } from '../execute/client.ts';
import { type Headers, signatureHeader } from '../reply/mesh-headers.ts';
import { type CallErrorCode, callMethod, type Reply } from '../reply/reply.ts';
import { httpStatusOf } from '../reply/status.ts';
import { callErrorOf } from './call-error.ts';
import { decodeReplyMessage, encodeRequest, headersOf, metadataOf, resetTrailer } from './codec.ts';
import { detailsLimitHeader, meshmockDetailsBytes, replyInDetails } from './status-details.ts';

const maxChannels = 500;

/** Errors after which the connection can still be used. */
const harmlessErrors: ReadonlySet<CallErrorCode> = new Set(['timeout', 'canceled', 'too_large', 'reset']);

/**
 * Creates the gRPC client, with one channel per address and authority.
 *
 * @example
 * const client = createGrpcClient();
 * const answer = await client.call(call, AbortSignal.timeout(call.timeoutMs));
 */
export function createGrpcClient(): Client {
  const channels = new Channels();
  return {
    call: (call, signal) => makeCall(channels, call, signal),
    async close() {
      channels.close();
    },
  };
}

/** Channel that one call uses. */
interface Lease {
  readonly channel: Channel;
  /** Returns the channel to the pool. A broken channel is dropped, because it would repeat its error for a while. */
  release(isBroken: boolean): void;
}

/** Pool of channels. A channel without users is closed when the pool is full. */
class Channels {
  private readonly entries = new Map<string, { readonly channel: Channel; users: number }>();

  lease(call: OutgoingCall): Lease {
    const target = targetOf(call);
    const key = `${call.scheme} ${target} ${call.authority}`;
    const entry = this.entries.get(key) ?? { channel: openChannel(call, target), users: 0 };
    entry.users++;
    // The channel that was used least recently comes first.
    this.entries.delete(key);
    this.entries.set(key, entry);
    this.dropIdle();
    return {
      channel: entry.channel,
      release: (isBroken) => {
        entry.users--;
        if (isBroken && this.entries.get(key) === entry) this.entries.delete(key);
        if (entry.users === 0 && this.entries.get(key) !== entry) entry.channel.close();
        this.dropIdle();
      },
    };
  }

  private dropIdle(): void {
    if (this.entries.size <= maxChannels) return;
    for (const [key, { channel, users }] of this.entries) {
      if (users > 0) continue;
      this.entries.delete(key);
      channel.close();
      if (this.entries.size <= maxChannels) return;
    }
  }

  close(): void {
    for (const { channel } of this.entries.values()) channel.close();
    this.entries.clear();
  }
}

function targetOf({ dial: { host, port } }: OutgoingCall): string {
  if (isIPv4(host)) return `ipv4:${host}:${port}`;
  return isIPv6(host) ? `ipv6:[${host}]:${port}` : `dns:${host}:${port}`;
}

function openChannel({ scheme, authority }: OutgoingCall, target: string): Channel {
  return new Channel(target, scheme === 'grpcs' ? credentials.createSsl() : credentials.createInsecure(), {
    'grpc.default_authority': authority,
    'grpc.max_receive_message_length': maxReplyBytes,
    'grpc.max_send_message_length': maxReplyBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  });
}

async function makeCall(channels: Channels, outgoing: OutgoingCall, signal: AbortSignal): Promise<CallAnswer> {
  if (signal.aborted) return abortedAnswer(signal);
  let lease: Lease | undefined;
  let answer: CallAnswer;
  try {
    lease = channels.lease(outgoing);
    answer = await callOn(lease.channel, outgoing, signal);
  } catch (error) {
    // grpc-js throws before it calls if it does not accept the target or metadata.
    answer = { kind: 'failed', error: { code: 'protocol', message: (error as Error).message } };
  }
  lease?.release(answer.kind === 'failed' && isBroken(lease.channel, answer.error.code));
  return answer;
}

/** Reports whether a channel cannot be used again. A channel that is still connecting counts as broken. */
function isBroken(channel: Channel, code: CallErrorCode): boolean {
  return !harmlessErrors.has(code) || channel.getChannel().getConnectivityState(false) !== connectivityState.READY;
}

function callOn(channel: Channel, outgoing: OutgoingCall, signal: AbortSignal): Promise<CallAnswer> {
  const metadata = metadataOf(outgoing.headers);
  metadata.set(detailsLimitHeader, String(meshmockDetailsBytes));
  const { host } = outgoing.headers;
  const options = { deadline: Date.now() + outgoing.timeoutMs, ...(host === undefined ? {} : { host }) };
  return new Promise((resolve) => {
    let initial = new Metadata();
    const settle = (answer: CallAnswer): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const call = channel.makeUnaryRequest(
      `/${callMethod}`,
      encodeRequest,
      decodeReplyMessage,
      { path: outgoing.path },
      metadata,
      options,
      (error, reply) => settle(error === null ? okAnswer(initial, reply) : errorAnswer(error, initial)),
    );
    call.on('metadata', (received) => {
      initial = received;
    });
    const onAbort = (): void => {
      settle(abortedAnswer(signal));
      call.cancel();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function okAnswer(metadata: Metadata, reply: Reply | undefined): CallAnswer {
  const headers = headersOf(metadata);
  if (reply?.service !== undefined) return { kind: 'reply', status: reply.status, grpcStatus: 'OK', headers, reply };
  return { kind: 'other', isSigned: isSigned(headers), status: 200, grpcStatus: 'OK', headers, body: '', bodyBytes: 0 };
}

function errorAnswer(error: ServiceError, initial: Metadata): CallAnswer {
  if (error.metadata.get(resetTrailer).length > 0)
    return { kind: 'failed', error: { code: 'reset', message: error.details } };
  const reply = replyInDetails(error.metadata);
  const headers = { ...headersOf(initial), ...headersOf(error.metadata) };
  const { status, grpcStatus } = httpStatusOf(error.code);
  if (reply !== undefined) return { kind: 'reply', status: reply.status, grpcStatus, headers, reply };
  // A status of the server has trailers; a status that grpc-js creates has none.
  const failure = Object.keys(error.metadata.getMap()).length === 0 ? callErrorOf(error) : undefined;
  if (failure !== undefined) return { kind: 'failed', error: failure };
  return {
    kind: 'other',
    isSigned: isSigned(headers),
    status,
    grpcStatus,
    headers,
    body: error.details,
    bodyBytes: Buffer.byteLength(error.details),
  };
}

function isSigned(headers: Headers): boolean {
  return headers[signatureHeader] !== undefined;
}
