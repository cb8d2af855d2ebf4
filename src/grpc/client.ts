import type { ClientHttp2Session } from 'node:http2';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { Client as Channel, connectivityState, credentials } from '@grpc/grpc-js';
import { DialError, type TargetResolver } from '../dial/target-resolver.ts';
import { optional } from '../error/optional.ts';
import type { Budgets } from '../execute/budgets/budgets.ts';
import { abortedAnswer, type CallAnswer, type Client, type ClientTls, type OutgoingCall } from '../execute/client.ts';
import { type CallError, type CallErrorCode, callMethod, type Tls } from '../reply/reply.ts';
import { errorAnswer, okAnswer, settledAnswer } from './call-answer.ts';
import { callMethodOn, requestOf } from './call-method.ts';
import { callSettings } from './call-settings.ts';
import { encodeRequest, sameBytes } from './codec.ts';
import { type DescribedMethods, noDescribedMethods } from './messages/described-methods.ts';
import { ChannelName, nameOptions, nameTarget } from './name-resolver.ts';
import { detailsLimitHeader } from './status-details.ts';
import { removeListeners } from './streams/closed-stream.ts';
import { countIncomingBytes } from './streams/incoming-bytes.ts';
import { watchSentStreams } from './streams/sent-streams.ts';
import { boundEnd, ChannelSockets } from './streams/session-end.ts';
import { showSockets, tlsCredentials } from './tls-credentials.ts';
import { callOnSession, type OpenedSession } from './unary-call.ts';

const maxChannels = 500;

/** Maximum size of an answer for a program that answers no requests, in bytes. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Errors after which the connection can still be used. */
const harmlessErrors: ReadonlySet<CallErrorCode> = new Set(['timeout', 'canceled', 'too_large', 'reset']);

/**
 * Creates the gRPC client, with one channel per address and authority.
 *
 * @example
 * const client = createGrpcClient(new TargetResolver(new SystemSource(), allowAllTargets));
 * const answer = await client.call(call, AbortSignal.timeout(call.timeoutMs));
 *
 * @param bounds bounds of the answers that arrive, and of the connections of peers that misbehave
 * @param descriptors messages of methods other than meshmock's own
 * @param tls certificates for `grpcs:`; without them, the client trusts well-known authorities
 */
export function createGrpcClient(
  targets: TargetResolver,
  bounds?: ClientBounds,
  descriptors = noDescribedMethods,
  tls?: ClientTls,
): Client {
  const channels = new Channels(targets, bounds?.budgets.limits.maxAnswerBytes ?? maxAnswerBytes, tls);
  const stopWatching = bounds === undefined ? undefined : watchSessions(bounds, channels);
  return {
    call: (call, signal) => makeCall(channels, descriptors, call, signal),
    async close() {
      channels.close();
      stopWatching?.();
    },
  };
}

/** Bounds of the client of a service. */
export interface ClientBounds {
  readonly budgets: Budgets;
  /** Maximum time of a call, in milliseconds. */
  readonly maxCallMs: number;
}

/** Keeps the sessions of channels within bounds, and adds each session to its channel. */
function watchSessions({ budgets, maxCallMs }: ClientBounds, channels: Channels): () => void {
  const sessions = new WeakSet<ClientHttp2Session>();
  return watchSentStreams(detailsLimitHeader, (stream, headers) => {
    countIncomingBytes(stream, budgets);
    stream.once('close', () => setImmediate(removeListeners, stream));
    // A session of a client is one.
    const session = stream.session as ClientHttp2Session | undefined;
    if (session === undefined || sessions.has(session)) return;
    sessions.add(session);
    boundEnd(session, maxCallMs);
    channels.addSession({ session, userAgent: String(headers['user-agent']) });
  });
}

/** Channel that one call uses. */
interface Lease extends Omit<NamedChannel, 'close' | 'sockets'> {
  /** Returns the channel to the pool. A broken channel is dropped, because it would repeat its error for a while. */
  release(isBroken: boolean): void;
}

interface NamedChannel {
  readonly channel: Channel;
  /** Name that the channel connects to; absent if it connects to an address. */
  readonly name?: ChannelName;
  /** Facts of its latest connection; a channel has one at a time. */
  readonly connection: { tls?: Tls | undefined; opened?: OpenedSession };
  /** Sockets that it has connected. */
  readonly sockets: ChannelSockets;
  close(): void;
}

interface PooledChannel extends NamedChannel {
  users: number;
}

/** Pool of channels. A channel without users is closed when the pool is full. */
class Channels {
  private readonly entries = new Map<string, PooledChannel>();
  private readonly targets: TargetResolver;
  /** Maximum size of one message, in bytes. */
  readonly maxReceivedBytes: number;
  private readonly tls: ClientTls | undefined;

  constructor(targets: TargetResolver, maxReceivedBytes: number, tls: ClientTls | undefined) {
    this.targets = targets;
    this.tls = tls;
    this.maxReceivedBytes = maxReceivedBytes;
  }

  /** @throws DialError `blocked` if the address of the call may not be dialled */
  lease(call: OutgoingCall): Lease {
    const target = targetOf(call);
    const key = `${call.scheme} ${target} ${call.authority}`;
    const entry = this.entries.get(key) ?? {
      ...openChannel(call, target, this.targets, this.maxReceivedBytes, this.tls),
      users: 0,
    };
    entry.users++;
    // The channel that was used least recently comes first.
    this.entries.delete(key);
    this.entries.set(key, entry);
    this.dropIdle();
    return {
      channel: entry.channel,
      connection: entry.connection,
      ...(entry.name === undefined ? {} : { name: entry.name }),
      release: (isBroken) => {
        entry.users--;
        if (isBroken && this.entries.get(key) === entry) this.entries.delete(key);
        if (entry.users === 0 && this.entries.get(key) !== entry) entry.close();
        this.dropIdle();
      },
    };
  }

  /** Adds a session to the channel that has opened it. */
  addSession(opened: OpenedSession): void {
    for (const { sockets, connection } of this.entries.values())
      if (sockets.carries(opened.session)) connection.opened = opened;
  }

  private dropIdle(): void {
    if (this.entries.size <= maxChannels) return;
    for (const [key, entry] of this.entries) {
      if (entry.users > 0) continue;
      this.entries.delete(key);
      entry.close();
      if (this.entries.size <= maxChannels) return;
    }
  }

  close(): void {
    for (const entry of this.entries.values()) entry.close();
    this.entries.clear();
  }
}

function targetOf({ dial: { host, port } }: OutgoingCall): string {
  if (isIPv4(host)) return `ipv4:${host}:${port}`;
  return isIPv6(host) ? `ipv6:[${host}]:${port}` : nameTarget(host, port);
}

/** @throws DialError `blocked` if the call has an address that may not be dialled */
function openChannel(
  { scheme, authority, dial }: OutgoingCall,
  target: string,
  targets: TargetResolver,
  maxReceivedBytes: number,
  tls: ClientTls | undefined,
): NamedChannel {
  const isAddress = isIP(dial.host) !== 0;
  const refusal = isAddress ? targets.refuse(dial.host) : undefined;
  if (refusal !== undefined) throw new DialError(refusal);
  const name = isAddress ? undefined : new ChannelName(dial.host, dial.port, targets);
  const connection: NamedChannel['connection'] = {};
  const onConnected = (facts: Tls | undefined): void => {
    connection.tls = facts;
  };
  const created = scheme === 'grpcs' ? tlsCredentials(authority, tls, onConnected) : credentials.createInsecure();
  const sockets = new ChannelSockets();
  const channel = new Channel(
    target,
    showSockets(created, (socket) => sockets.add(socket)),
    {
      'grpc.default_authority': authority,
      'grpc.max_receive_message_length': maxReceivedBytes,
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      ...(name === undefined ? {} : nameOptions(name)),
    },
  );
  const close = (): void => {
    channel.close();
    sockets.close();
  };
  return { channel, connection, sockets, close, ...optional('name', name) };
}

async function makeCall(
  channels: Channels,
  descriptors: DescribedMethods,
  outgoing: OutgoingCall,
  signal: AbortSignal,
): Promise<CallAnswer> {
  if (signal.aborted) return abortedAnswer(signal);
  const { calledMethod } = outgoing;
  let lease: Lease | undefined;
  let answer: CallAnswer;
  try {
    const request = calledMethod === undefined ? undefined : requestOf(calledMethod, descriptors);
    lease = channels.lease(outgoing);
    answer =
      request === undefined
        ? ((await callOnSession(lease.connection.opened, outgoing, channels.maxReceivedBytes, signal)) ??
          (await callOn(lease.channel, outgoing, signal)))
        : await callMethodOn(lease.channel, outgoing, request, channels.maxReceivedBytes, signal);
  } catch (error) {
    // The call was not made, which says nothing about the channel.
    lease?.release(false);
    return { kind: 'failed', error: errorBeforeCall(error as Error) };
  }
  if (answer.kind === 'failed' && lease.name !== undefined)
    answer = { kind: 'failed', error: lease.name.errorOf(answer.error) };
  lease.release(answer.kind === 'failed' && isBroken(lease.channel, answer.error.code));
  const { tls } = lease.connection;
  return tls === undefined || answer.kind === 'failed' ? answer : { ...answer, tls };
}

/** Returns the error of a call that is not made. grpc-js throws if it does not accept the target or metadata. */
function errorBeforeCall(error: Error): CallError {
  return error instanceof DialError ? error.callError : { code: 'protocol', message: error.message };
}

/** Reports whether a channel cannot be used again. A channel that is still connecting counts as broken. */
function isBroken(channel: Channel, code: CallErrorCode): boolean {
  return !harmlessErrors.has(code) || channel.getChannel().getConnectivityState(false) !== connectivityState.READY;
}

function callOn(channel: Channel, outgoing: OutgoingCall, signal: AbortSignal): Promise<CallAnswer> {
  const { metadata, options } = callSettings(outgoing);
  return settledAnswer(signal, (settle, onMetadata) => {
    const call = withoutStack(() =>
      channel.makeUnaryRequest(
        `/${callMethod}`,
        encodeRequest,
        sameBytes,
        { path: outgoing.path },
        metadata,
        options,
        (error, message?: Buffer) =>
          settle((initial) =>
            error === null ? okAnswer(outgoing, initial, message) : errorAnswer(outgoing, error, initial),
          ),
      ),
    );
    call.on('metadata', onMetadata);
    return () => call.cancel();
  });
}

/** Runs an action whose errors have no stack. grpc-js makes one for each call, which nothing shows: a failed call is data. */
function withoutStack<T>(action: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return action();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
