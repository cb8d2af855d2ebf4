import net from 'node:net';
import { encodeRequest } from '../../src/grpc/codec.ts';
import { callMethod } from '../../src/reply/reply.ts';
import type { AnswerKind, OpenLane } from './load.ts';

const frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8 } as const;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const endStream = 0x1;
const ack = 0x1;
const endHeaders = 0x4;
const headerBytes = 9;
const windowBytes = 2 ** 31 - 1;
/** Initial size of a flow control window (RFC 9113 section 6.9.2). */
const initialWindowBytes = 65_535;
/** Streams of a connection: so few that its window never holds a request back, which would wait in the client then. */
const maxStreams = 8;

function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(headerBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, headerBytes);
  return bytes;
}

/** Passes on the frames that are complete, and returns the rest. */
function readFrames(bytes: Buffer, onFrame: (frame: Frame) => void): Buffer {
  let rest = bytes;
  while (rest.length >= headerBytes) {
    const length = headerBytes + rest.readUIntBE(0, 3);
    if (rest.length < length) break;
    const payload = rest.subarray(headerBytes, length);
    onFrame({ type: rest.readUInt8(3), flags: rest.readUInt8(4), stream: rest.readUInt32BE(5), payload });
    rest = rest.subarray(length);
  }
  return Buffer.from(rest);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Encodes a header as a literal without indexing (RFC 7541 section 6.2.2), so that each request has the same bytes. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** Returns the frames that begin a connection: no table of headers, and windows that are never full. */
function preface(): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(4, 0);
  settings.writeUInt32BE(windowBytes, 2);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frameOf(frame.settings, 0, 0, settings),
    frameOf(frame.windowUpdate, 0, 0, uint32(windowBytes - initialWindowBytes)),
  ]);
}

function requestFrames(port: number, path: string): { bytes: Buffer; dataAt: number; dataBytes: number } {
  const message = encodeRequest({ path });
  const headers = Buffer.concat([
    literal(':method', 'POST'),
    literal(':scheme', 'http'),
    literal(':path', `/${callMethod}`),
    literal(':authority', `127.0.0.1:${port}`),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
  ]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const data = Buffer.concat([prefix, message]);
  const first = frameOf(frame.headers, endHeaders, 0, headers);
  return {
    bytes: Buffer.concat([first, frameOf(frame.data, endStream, 0, data)]),
    dataAt: first.length,
    dataBytes: data.length,
  };
}

/**
 * Opens a connection of HTTP/2 that sends gRPC calls as streams. An answer with a message is accepted, and an answer of
 * trailers alone is refused: no header is decoded.
 */
export const openGrpcLane: OpenLane = ({ port, path }, { onAnswer, onClosed }) => {
  const { bytes, dataAt, dataBytes } = requestFrames(port, path);
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  /** Time of sending of each stream that has no end yet. */
  const streams = new Map<number, number>();
  const withData = new Set<number>();
  let nextStream = 1;
  let window = initialWindowBytes;
  let isClosed = false;
  let rest: Buffer = Buffer.alloc(0);
  const end = (stream: number, kind: AnswerKind): void => {
    const sentAt = streams.get(stream);
    if (sentAt === undefined) return;
    streams.delete(stream);
    onAnswer(kind, performance.now() - sentAt);
  };
  const answerControl = (type: number, flags: number, payload: Buffer): void => {
    if ((flags & ack) === 0) socket.write(frameOf(type, ack, 0, payload));
  };
  const onFrame = ({ type, flags, stream, payload }: Frame): void => {
    switch (type) {
      case frame.settings:
        answerControl(type, flags, Buffer.alloc(0));
        return;
      case frame.ping:
        answerControl(type, flags, payload);
        return;
      case frame.windowUpdate:
        window += stream === 0 ? payload.readUInt32BE(0) : 0;
        return;
      case frame.data:
        withData.add(stream);
        return;
      case frame.reset:
        end(stream, 'failed');
        return;
      case frame.headers:
        if ((flags & endStream) !== 0) end(stream, withData.delete(stream) ? 'accepted' : 'refused');
    }
  };
  socket.write(preface());
  socket.on('data', (chunk: Buffer) => {
    rest = readFrames(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), onFrame);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
    onClosed(streams.size);
  });
  return {
    get free() {
      return isClosed || window < dataBytes ? 0 : maxStreams - streams.size;
    },
    send() {
      const sent = Buffer.from(bytes);
      sent.writeUInt32BE(nextStream, 5);
      sent.writeUInt32BE(nextStream, dataAt + 5);
      streams.set(nextStream, performance.now());
      nextStream += 2;
      window -= dataBytes;
      socket.write(sent);
    },
    close: () => socket.destroy(),
  };
};
