import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { Metadata, type StatusObject, status } from '@grpc/grpc-js';

/** Bytes before a message: the flag of compression, and the length. */
export const prefixBytes = 5;

/** Statuses of answers that are not of gRPC (grpc, http-grpc-status-mapping.md). */
const statusOfHttp: Readonly<Record<number, status>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

/** Answer of a unary call, as its stream brings it. It has the statuses and texts of grpc-js. */
export class UnaryAnswer {
  /** Message of an answer with OK. */
  message: Buffer | undefined;
  /** Called with the metadata before the message. */
  onMetadata: (metadata: Metadata) => void = () => {};
  private readonly stream: ClientHttp2Stream;
  private readonly maxBytes: number;
  private httpStatus: number | undefined;
  private readonly chunks: Buffer[] = [];
  private bytes = 0;
  private ended: StatusObject | undefined;
  private error: NodeJS.ErrnoException | undefined;

  constructor(stream: ClientHttp2Stream, maxBytes: number) {
    this.stream = stream;
    this.maxBytes = maxBytes;
    stream.on('response', (headers, flags) => this.begin(headers, flags));
    stream.on('data', (chunk: Buffer) => this.add(chunk));
    stream.on('trailers', (trailers) => this.end(trailers));
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_HTTP2_STREAM_ERROR') this.error = error;
    });
  }

  /** True if the callee has not seen the call: its connection was closing. */
  get isRefused(): boolean {
    const { rstCode, id } = this.stream;
    return this.httpStatus === undefined && (rstCode === constants.NGHTTP2_REFUSED_STREAM || id === undefined);
  }

  /** Returns the status, when the stream is closed. */
  status(session: ClientHttp2Session): StatusObject {
    const ended = this.ended ?? this.statusOfClose(session);
    if (ended.code !== status.OK) return ended;
    const all = this.chunks.length === 1 && this.chunks[0] !== undefined ? this.chunks[0] : Buffer.concat(this.chunks);
    const wholeBytes = prefixBytes + lengthOf(all);
    if (all.length < prefixBytes || all.length < wholeBytes)
      return { ...ended, code: status.UNIMPLEMENTED, details: 'No message received' };
    if (all.length > wholeBytes || all[0] !== 0)
      return { ...ended, code: status.INTERNAL, details: 'the answer is not one message without compression' };
    this.message = all.subarray(prefixBytes);
    return ended;
  }

  private begin(headers: IncomingHttpHeaders, flags: number): void {
    this.httpStatus = Number(headers[':status']);
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) === 0) this.onMetadata(initialMetadata(headers));
    else this.end(headers);
  }

  private end(headers: IncomingHttpHeaders): void {
    // The callee may answer before it reads the request, and the stream would not close.
    if (!this.stream.writableFinished) this.stream.close(constants.NGHTTP2_CANCEL);
    if (this.ended !== undefined) return;
    const metadata = Metadata.fromHttp2Headers(headers);
    const received = headers['grpc-status'];
    if (received === undefined) {
      this.ended = { ...httpStatusOf(this.httpStatus), metadata };
      return;
    }
    metadata.remove('grpc-status');
    metadata.remove('grpc-message');
    this.ended = { code: Number(received), details: decoded(String(headers['grpc-message'] ?? '')), metadata };
  }

  private add(chunk: Buffer): void {
    if (this.ended !== undefined) return;
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    const length = this.announcedLength();
    if (length <= this.maxBytes && this.bytes <= this.maxBytes + prefixBytes) return;
    this.ended = { ...this.statusOfExcess(length), metadata: new Metadata() };
    this.chunks.length = 0;
    this.stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Returns the status of an answer that is too large. The text of an error page announces a large message. */
  private statusOfExcess(length: number): Omit<StatusObject, 'metadata'> {
    if (this.httpStatus !== 200) return httpStatusOf(this.httpStatus);
    const details = `Received message larger than max (${length} vs ${this.maxBytes})`;
    return { code: status.RESOURCE_EXHAUSTED, details };
  }

  /** Returns the length of the message, which its prefix announces; zero before it has arrived. */
  private announcedLength(): number {
    if (this.bytes < prefixBytes) return 0;
    const [first = Buffer.alloc(0)] = this.chunks;
    return lengthOf(first.length < prefixBytes ? Buffer.concat(this.chunks, prefixBytes) : first);
  }

  /** Returns the status of a stream that has closed without one. */
  private statusOfClose(session: ClientHttp2Session): StatusObject {
    const { rstCode } = this.stream;
    const metadata = new Metadata();
    if (session.destroyed && this.error === undefined)
      return { code: status.UNAVAILABLE, details: 'Connection dropped', metadata };
    if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM)
      return { code: status.RESOURCE_EXHAUSTED, details: 'Bandwidth exhausted or memory limit exceeded', metadata };
    if (rstCode === constants.NGHTTP2_CANCEL) return { code: status.CANCELLED, details: 'Call cancelled', metadata };
    if (rstCode === constants.NGHTTP2_NO_ERROR && this.httpStatus !== undefined && this.httpStatus !== 200)
      return { ...httpStatusOf(this.httpStatus), metadata };
    const { error } = this;
    if (error?.code === 'ECONNRESET' || error?.code === 'ETIMEDOUT')
      return { code: status.UNAVAILABLE, details: error.message, metadata };
    const cause = error === undefined ? causeOf(rstCode) : ` triggered by internal client error: ${error.message}`;
    return { code: status.INTERNAL, details: `Received RST_STREAM with code ${rstCode}${cause}`, metadata };
  }
}

/** Returns the metadata before the message, without the headers of compression, which grpc-js hides too. */
function initialMetadata(headers: IncomingHttpHeaders): Metadata {
  const metadata = Metadata.fromHttp2Headers(headers);
  metadata.remove('grpc-encoding');
  metadata.remove('grpc-accept-encoding');
  return metadata;
}

function causeOf(rstCode: number | undefined): string {
  switch (rstCode) {
    case constants.NGHTTP2_NO_ERROR:
      return ' (Call ended without gRPC status)';
    case constants.NGHTTP2_INTERNAL_ERROR:
      return ' (Internal server error)';
    default:
      return '';
  }
}

function lengthOf(frame: Buffer): number {
  return frame.length < prefixBytes ? Number.NaN : frame.readUInt32BE(1);
}

function httpStatusOf(code = 200): Omit<StatusObject, 'metadata'> {
  return { code: statusOfHttp[code] ?? status.UNKNOWN, details: `Received HTTP status code ${code}` };
}

function decoded(message: string): string {
  try {
    return decodeURI(message);
  } catch {
    return message;
  }
}
