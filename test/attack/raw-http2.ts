import { encodeRequest } from '../../src/grpc/codec.ts';
import { callMethod } from '../../src/reply/reply.ts';
import {
  preface as bytesOfClient,
  callHeaders,
  flags,
  frame,
  frameTypes,
  grpcMessage,
  headerBlock,
  settings,
} from '../http2-wire.ts';

const initialWindowSize = 4;

/** Returns the beginning of a connection. With a window of 0, the client takes no data. */
export function preface(window = 65_535): Buffer {
  return Buffer.concat([bytesOfClient, frame(frameTypes.settings, 0, 0, settings([[initialWindowSize, window]]))]);
}

/** SETTINGS of a server, with which it accepts a connection. */
export const emptySettings = frame(frameTypes.settings, 0, 0, Buffer.alloc(0));

/** Returns the frame with which a peer leaves without an error. */
export function goaway(): Buffer {
  return frame(frameTypes.goaway, 0, 0, Buffer.alloc(8));
}

/** Beginning of a frame that is larger than any that may be sent (RFC 9113 section 4.2). */
export const frameTooLarge = frame(frameTypes.data, 0, 1, Buffer.alloc(0), 262_144);

/** Returns the headers of a call, without its message. Client streams have odd numbers. */
export function openCall(
  stream: number,
  path = `/${callMethod}`,
  more: readonly (readonly [name: string, value: string])[] = [],
): Buffer {
  return frame(frameTypes.headers, flags.endHeaders, stream, headerBlock(callHeaders(path, more)));
}

/** Returns a whole call with a plan as its path. */
export function call(stream: number, plan: string): Buffer {
  return Buffer.concat([openCall(stream), data(stream, encodeRequest({ path: plan }))]);
}

/** Returns a message of a call. */
export function data(stream: number, message: Buffer, isLast = true): Buffer {
  return frame(frameTypes.data, isLast ? flags.endStream : 0, stream, grpcMessage(message));
}
