import { isIPv4, isIPv6 } from 'node:net';
import { Client as Channel, credentials, Metadata, type ServiceError, status as statusCodes } from '@grpc/grpc-js';
import {
  abortedAnswer,
  type CallAnswer,
  type Client,
  largestReplyBytes,
  type OutgoingCall,
  shownBodyBytes,
} from '../execute/client.ts';
import type { CallErrorCode, Reply } from '../reply/reply.ts';
import { httpStatusOf } from '../reply/status.ts';
import { callErrorOf } from './call-error.ts';
import { callMethod, decodeReplyMessage, encodeRequest, headersOf, metadataOf } from './codec.ts';
import { detailsLimitHeader, ownDetailsBytes, replyInDetails } from './status-details.ts';

const mostChannels = 500;

/** Failures that say nothing of the connection. */
const stillConnected: ReadonlySet<CallErrorCode> = new Set(['timeout', 'canceled', 'too_large']);

/** The gRPC client: one channel for each address and authority. */
export function createGrpcClient(): Client {
  const channels = new Channels();
  return {
    call: (call, signal) => makeCall(channels, call, signal),
    async close() {
      channels.close();
    },
  };
}

class Channels {
  private readonly channels = new Map<string, Channel>();

  get(call: OutgoingCall): { key: string; channel: Channel } {
    const target = targetOf(call);
    const key = `${call.scheme} ${target} ${call.authority}`;
    const known = this.channels.get(key);
    const channel = known ?? openChannel(call, target);
    // The one that was not used for the longest time comes first.
    this.channels.delete(key);
    this.channels.set(key, channel);
    const [oldest] = this.channels.keys();
    if (this.channels.size > mostChannels && oldest !== undefined) this.drop(oldest);
    return { key, channel };
  }

  /** A channel that could not connect would answer from memory for a while: the next call gets a new one. */
  drop(key: string, only?: Channel): void {
    const channel = this.channels.get(key);
    if (channel === undefined || (only !== undefined && only !== channel)) return;
    this.channels.delete(key);
    channel.close();
  }

  close(): void {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
  }
}

function targetOf({ dial: { host, port } }: OutgoingCall): string {
  if (isIPv4(host)) return `ipv4:${host}:${port}`;
  return isIPv6(host) ? `ipv6:[${host}]:${port}` : `dns:${host}:${port}`;
}

function openChannel({ scheme, authority }: OutgoingCall, target: string): Channel {
  return new Channel(target, scheme === 'grpcs' ? credentials.createSsl() : credentials.createInsecure(), {
    'grpc.default_authority': authority,
    'grpc.max_receive_message_length': largestReplyBytes,
    'grpc.max_send_message_length': largestReplyBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  });
}

function makeCall(channels: Channels, outgoing: OutgoingCall, signal: AbortSignal): Promise<CallAnswer> {
  if (signal.aborted) return Promise.resolve(abortedAnswer(signal));
  const { key, channel } = channels.get(outgoing);
  const metadata = metadataOf(outgoing.headers);
  metadata.set(detailsLimitHeader, String(ownDetailsBytes));
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
      (error, reply) => {
        const answer = error === null ? okAnswer(initial, reply) : errorAnswer(error, initial);
        if (answer.kind === 'failed' && !stillConnected.has(answer.error.code)) channels.drop(key, channel);
        settle(answer);
      },
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
  if (reply?.service === undefined) return { kind: 'foreign', status: 200, grpcStatus: 'OK', headers, body: '' };
  return { kind: 'reply', status: reply.status, grpcStatus: 'OK', headers, reply };
}

function errorAnswer(error: ServiceError, initial: Metadata): CallAnswer {
  const headers = { ...headersOf(initial), ...headersOf(error.metadata) };
  const reply = replyInDetails(error.metadata);
  const { status, grpcStatus } = httpStatusOf(error.code);
  if (reply !== undefined) return { kind: 'reply', status: reply.status, grpcStatus, headers, reply };
  if (Object.keys(headers).length === 0 && error.code !== statusCodes.OK) {
    const failure = callErrorOf(error);
    if (failure !== undefined) return { kind: 'failed', error: failure };
  }
  return { kind: 'foreign', status, grpcStatus, headers, body: error.details.slice(0, shownBodyBytes) };
}
