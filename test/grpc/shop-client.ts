import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  makeClientConstructor,
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { readReplyMessage, replyInDetails } from '../../src/grpc/status-details.ts';
import type { Reply } from '../../src/reply/reply.ts';

export const shopProto = path.join(import.meta.dirname, 'shop.proto');
export const shopDefinition = loadSync(shopProto)['shop.Basket'] as ServiceDefinition;

/** Outcome of a call, as its client sees it. */
export interface Outcome {
  readonly code: status;
  readonly details: string;
  readonly messages: readonly object[];
  readonly metadata: Metadata;
  readonly trailers: Metadata;
  /** Reply in the trailers. */
  readonly reply: Reply | undefined;
}

/** Options of a call. */
export interface CallSettings {
  readonly requests?: readonly object[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** Time until the client sends its first message, in milliseconds. */
  readonly sendAfterMs?: number;
  /** True if the client never ends its request. */
  readonly isHeldOpen?: boolean;
}

interface Call extends ClientReadableStream<object> {
  write(message: object): boolean;
  end(): void;
}

/** Calls a method of `shop.Basket` with a client that is generated from its proto file. */
export async function callShop(port: number, method: string, settings: CallSettings = {}): Promise<Outcome> {
  const { requests = [{}], headers = {}, deadlineMs = 10_000, sendAfterMs = 0, isHeldOpen = false } = settings;
  const Basket = makeClientConstructor(shopDefinition, 'Basket');
  const client = new Basket(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const sent = new Metadata();
  for (const [name, value] of Object.entries(headers)) sent.set(name, value);
  const { requestStream, responseStream } = shopDefinition[method] ?? {};
  const options = { deadline: Date.now() + deadlineMs };
  const messages: object[] = [];
  const ended = Promise.withResolvers<void>();
  const onMessage = (error: ServiceError | null, message?: object): void => {
    if (error === null && message !== undefined) messages.push(message);
    ended.resolve();
  };
  const make = (client as unknown as Record<string, (...args: unknown[]) => Call>)[method] as (
    ...args: unknown[]
  ) => Call;
  const first = requestStream ? [] : [requests[0]];
  const call = make.call(client, ...first, sent, options, ...(responseStream ? [] : [onMessage]));
  try {
    let metadata = new Metadata();
    call.on('metadata', (received: Metadata) => {
      metadata = received;
    });
    const got = new Promise<StatusObject>((resolve) => call.on('status', resolve));
    if (responseStream) {
      call.on('data', (message: object) => messages.push(message));
      call.on('error', () => {});
      call.on('end', () => ended.resolve());
      call.on('error', () => ended.resolve());
    }
    if (requestStream) {
      if (sendAfterMs > 0) await sleep(sendAfterMs);
      for (const request of requests) call.write(request);
      if (!isHeldOpen) call.end();
    }
    const { code, details, metadata: trailers } = await got;
    await ended.promise;
    return { code, details, messages, metadata, trailers, reply: replyIn(trailers) };
  } finally {
    client.close();
  }
}

function replyIn(trailers: Metadata): Reply | undefined {
  const [bytes] = trailers.get('x-meshmock-reply-bin');
  const message = Buffer.isBuffer(bytes) ? bytes : replyInDetails(trailers);
  return message === undefined ? undefined : readReplyMessage(message);
}

/** Calls a path with bytes as the only message, and returns the status. */
export async function callPath(port: number, path: string): Promise<{ code: status; details: string }> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const bytes = (buffer: Buffer): Buffer => buffer;
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), (error) =>
        resolve(error ?? { code: status.OK, details: '' }),
      );
    });
  } finally {
    client.close();
  }
}
