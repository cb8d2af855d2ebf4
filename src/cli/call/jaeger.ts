import { MeshmockError } from '../../error/meshmock-error.ts';
import { readOtlp } from '../../trace/read-otlp.ts';
import type { Span } from '../../trace/span.ts';

/** Reads the URL of a Jaeger. @throws MeshmockError `usage` */
export function jaegerUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new MeshmockError('usage', `"${text}" is no URL of a Jaeger, such as http://localhost:16686`);
}

const longestRequestMs = 10_000;

/**
 * Asks a Jaeger for traces, by the part of its query API that 1.x and 2.x share and that is to stay: `/api/v3`
 * (jaegertracing/jaeger, cmd/jaeger/internal/extension/jaegerquery/internal/apiv3).
 */
export class Jaeger {
  /** As it was given. */
  readonly url: string;

  /** @param url of its UI and query API, such as `http://localhost:16686`; it may stand below a path */
  constructor(url: URL) {
    this.url = url.href.replace(/\/$/, '');
  }

  /**
   * Asks for something that every Jaeger answers.
   *
   * @throws MeshmockError `usage` when it is none, or cannot be reached
   */
  async check(signal: AbortSignal): Promise<void> {
    const answer = await this.ask('/api/v3/services', signal);
    // One that has no spans yet leaves the list out.
    const isList = answer !== undefined && Object.keys(answer).every((name) => name === 'services');
    if (!isList) throw this.noJaeger('it does not list its services');
  }

  /**
   * All spans of a trace that have come so far; none when it does not know the trace.
   *
   * @param traceId 32 hexadecimal digits
   * @throws MeshmockError `usage` when it cannot be reached any more, or does not answer with a trace
   */
  async spansOf(traceId: string, signal: AbortSignal): Promise<Span[]> {
    const answer = await this.ask(`/api/v3/traces/${traceId}`, signal);
    if (answer === undefined) return [];
    try {
      return readOtlp((answer as { result?: unknown }).result);
    } catch (error) {
      throw this.noJaeger((error as Error).message);
    }
  }

  /** Undefined when there is no such thing. */
  private async ask(path: string, signal: AbortSignal): Promise<object | undefined> {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(longestRequestMs)]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, { headers: { accept: 'application/json' }, signal: stop });
      text = await response.text();
    } catch (error) {
      const { cause, message } = error as Error;
      throw new MeshmockError('usage', `--trace: ${this.url}: ${cause instanceof Error ? cause.message : message}`);
    }
    if (response.status === 404) return undefined;
    if (!response.ok) throw this.noJaeger(`it answers ${response.status} to ${path}`);
    try {
      const answer: unknown = JSON.parse(text);
      if (typeof answer === 'object' && answer !== null) return answer;
    } catch {
      // Said below.
    }
    throw this.noJaeger(`its answer to ${path} is no JSON`);
  }

  private noJaeger(problem: string): MeshmockError {
    return new MeshmockError('usage', `--trace: ${this.url} is not the query API of a Jaeger: ${problem}`);
  }
}
