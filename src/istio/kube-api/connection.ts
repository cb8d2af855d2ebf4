import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Dispatcher, Pool } from 'undici';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ApiServer } from './api-server.ts';
import { KubeError, type Status } from './kube-error.ts';
import { warningsOf } from './warnings.ts';

/** Request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Type of the body; JSON if not given. */
  readonly contentType?: string;
  readonly accept?: string;
}

/** Answer of the API server, and the warnings that came with it. */
export interface ApiAnswer<T> {
  readonly body: T;
  readonly warnings: readonly string[];
}

const json = 'application/json';
/** Connections without a request are closed after this time, in milliseconds. The server keeps them longer. */
const idleMs = 60_000;
const maxRetries = 10;
/** Repetitions of a request that the server did not complete in time. */
const maxTimeouts = 2;

/** Connections to an API server. */
export class Connection implements AsyncDisposable {
  private readonly pool: Pool;
  private readonly kubectl: Client;
  private readonly url: string;

  constructor({ url, ca, cert, key, applySocket }: ApiServer) {
    this.url = url;
    this.kubectl = new Client('http://localhost', { socketPath: applySocket });
    this.pool = new Pool(url, {
      connect: { ca, cert, key },
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleMs,
    });
  }

  /**
   * Sends a request and returns the object in the answer. If the server is overloaded, the request is repeated. So the
   * creation of an object can fail because it exists.
   *
   * @throws KubeError if the server refuses the request
   * @throws MeshmockError `unavailable` if the server does not answer
   */
  async send<T>(request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer<T>> {
    for (let retry = 0; ; retry++) {
      const { statusCode, headers, body } = await this.dispatch(request, signal);
      const text = await body.text().catch((error: unknown) => this.fail(error, signal));
      const warnings = warningsOf(headers.warning);
      if (statusCode < 300) return { body: JSON.parse(text) as T, warnings };
      const status = statusOf(text);
      const isRepeated = statusCode === 429 ? retry < maxRetries : statusCode === 504 && retry < maxTimeouts;
      if (!isRepeated) throw new KubeError(statusCode, status, warnings);
      await sleep((status.details?.retryAfterSeconds ?? 1) * 1000, undefined, { signal });
    }
  }

  /** Sends a request and yields the lines of the answer as they come. */
  async *lines(request: ApiRequest, signal: AbortSignal): AsyncGenerator<string> {
    const { statusCode, body } = await this.dispatch(request, signal);
    if (statusCode >= 300) {
      const text = await body.text().catch((error: unknown) => this.fail(error, signal));
      throw new KubeError(statusCode, statusOf(text));
    }
    let parts: Buffer[] = [];
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        let start = 0;
        for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
          parts.push(chunk.subarray(start, end));
          yield (parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)).toString();
          parts = [];
          start = end + 1;
        }
        if (start < chunk.length) parts.push(chunk.subarray(start));
      }
    } catch (error) {
      this.fail(error, signal);
    }
  }

  /** Returns the object that `kubectl apply` writes for a manifest; the live one is undefined for a new object. */
  async applied<T>(manifest: T, live: T | undefined, signal: AbortSignal): Promise<T> {
    const request = { method: 'POST', path: '/', body: JSON.stringify({ manifest, live }), signal } as const;
    const { statusCode, body } = await this.kubectl
      .request(request)
      .catch((error: unknown) => this.fail(error, signal));
    if (statusCode !== 200) throw new MeshmockError('usage', (await body.text()).trim());
    return (await body.json()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.pool.destroy(), this.kubectl.destroy()]);
  }

  private async dispatch(request: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, query = {}, body, contentType = json, accept = json } = request;
    const given = Object.entries(query).filter(([, value]) => value !== undefined) as [string, string][];
    const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    const headers = {
      accept,
      'user-agent': 'meshmock',
      ...(body === undefined ? {} : { 'content-type': contentType }),
    };
    const text = body === undefined ? null : JSON.stringify(body);
    try {
      return await this.pool.request({ method, path: `${path}${search}`, headers, body: text, signal });
    } catch (error) {
      return this.fail(error, signal);
    }
  }

  private fail(error: unknown, signal: AbortSignal): never {
    signal.throwIfAborted();
    throw new MeshmockError(
      'unavailable',
      `the API server at ${this.url} does not answer: ${(error as Error).message}`,
    );
  }
}

/** Returns the `Status` in the body of an answer. Other texts become its message. */
function statusOf(text: string): Status {
  try {
    const value = JSON.parse(text) as Status | null;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Some refusals, such as that of an unknown path, are plain texts.
  }
  return { message: text.trim() };
}
