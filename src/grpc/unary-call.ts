import type { ClientHttp2Session } from 'node:http2';
import { constants } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { CallAnswer, OutgoingCall } from '../execute/client.ts';
import { callMethod } from '../reply/reply.ts';
import { errorAnswer, okAnswer, settledAnswer } from './call-answer.ts';
import { callSettings } from './call-settings.ts';
import { encodeRequest } from './codec.ts';
import { prefixBytes, UnaryAnswer } from './streams/unary-answer.ts';

/** Session that grpc-js has opened for a channel. */
export interface OpenedSession {
  readonly session: ClientHttp2Session;
  /** Name that grpc-js sends with each call. */
  readonly userAgent: string;
}

/**
 * Calls the method of meshmocks over the session that grpc-js has opened for a channel. A call of grpc-js itself makes so many
 * objects that a relay takes twice the time.
 *
 * @param opened session; undefined if there is none yet
 * @param maxBytes maximum size of the answer, in bytes
 * @returns undefined if the session does not take the call, so that the callee has not seen it
 */
export async function callOnSession(
  opened: OpenedSession | undefined,
  outgoing: OutgoingCall,
  maxBytes: number,
  signal: AbortSignal,
): Promise<CallAnswer | undefined> {
  if (opened === undefined || opened.session.closed || opened.session.destroyed) return undefined;
  const { session, userAgent } = opened;
  const { metadata, options } = callSettings(outgoing);
  const stream = session.request({
    ...metadata.toHttp2Headers(),
    ':method': 'POST',
    ':path': `/${callMethod}`,
    ':authority': options.host ?? outgoing.authority,
    'user-agent': userAgent,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': timeoutHeader(outgoing.timeoutMs),
  });
  const arriving = new UnaryAnswer(stream, maxBytes);
  let isRefused = false;
  const answer = await settledAnswer(signal, (settle, onMetadata) => {
    arriving.onMetadata = onMetadata;
    stream.once('close', () => {
      const ended = arriving.status(session);
      isRefused = arriving.isRefused;
      settle((initial) =>
        ended.code === status.OK
          ? okAnswer(outgoing, initial, arriving.message)
          : errorAnswer(outgoing, ended, initial),
      );
    });
    stream.end(framed(encodeRequest({ path: outgoing.path })));
    return () => stream.close(constants.NGHTTP2_CANCEL);
  });
  return isRefused ? undefined : answer;
}

/** Returns a message as it is sent, after its flag of compression and its length. */
function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** Returns a timeout as gRPC sends it: at most eight digits. */
function timeoutHeader(timeoutMs: number): string {
  const ms = Math.max(0, Math.ceil(timeoutMs));
  return ms < 1e8 ? `${ms}m` : `${Math.ceil(ms / 1000)}S`;
}
