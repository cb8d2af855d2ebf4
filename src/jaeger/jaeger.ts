import { MeshmockError } from '../error/meshmock-error.ts';
import { readOtlp } from '../trace/read-otlp.ts';
import type { Span } from '../trace/span.ts';

/** Parses the URL of a Jaeger. @throws MeshmockError `usage` */
export function jaegerUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new MeshmockError('usage', `"${text}" is not the URL of a Jaeger, such as http://localhost:16686`);
}

const longestRequestMs = 10_000;

/** Difference of clocks that a search of traces allows, in milliseconds. */
const clockMs = 60_000;

/**
 * Client of a Jaeger's query API: of `/api/v3`, the stable part that 1.x and 2.x share
 * (jaegertracing/jaeger, cmd/jaeger/internal/extension/jaegerquery/internal/apiv3).
 */
export class Jaeger {
  /** URL as the user typed it. */
  readonly url: string;
  private readonly subject: string;

  /**
   * @param url URL of UI and query API, such as `http://localhost:16686`; it may have a path
   * @param subject begin of error messages
   */
  constructor(url: URL, subject = '--trace') {
    this.url = url.href.replace(/\/$/, '');
    this.subject = subject;
  }

  /**
   * Checks that the URL leads to a Jaeger.
   *
   * @throws MeshmockError `unavailable` if it does not, or if nothing answers
   */
  async check(signal: AbortSignal): Promise<void> {
    const answer = await this.ask('/api/v3/services', signal);
    // A Jaeger without spans leaves out the list.
    const isList = answer !== undefined && Object.keys(answer).every((name) => name === 'services');
    if (!isList) throw this.notJaeger('it does not list its services');
  }

  /**
   * Returns the spans of a trace that have arrived so far; none of an unknown trace.
   *
   * @param traceId 32 hexadecimal digits
   * @throws MeshmockError `unavailable` if Jaeger does not answer, or not with a trace
   */
  async spansOf(traceId: string, signal: AbortSignal): Promise<Span[]> {
    const answer = await this.ask(`/api/v3/traces/${traceId}`, signal);
    return answer === undefined ? [] : this.spansIn(answer);
  }

  /**
   * Returns the spans of the last traces of all services; some stores, not that of the local mesh, need a service.
   *
   * @param sinceMs start of the time that is searched, in milliseconds since the epoch
   * @param most maximum number of traces
   * @throws MeshmockError `unavailable` if Jaeger does not answer, or not with traces
   */
  async recentSpans(sinceMs: number, most: number, signal: AbortSignal): Promise<Span[]> {
    const query = new URLSearchParams({
      'query.start_time_min': new Date(sinceMs).toISOString(),
      'query.start_time_max': new Date(Date.now() + clockMs).toISOString(),
      'query.num_traces': String(most),
    });
    const answer = await this.ask(`/api/v3/traces?${query}`, signal);
    return answer === undefined ? [] : this.spansIn(answer);
  }

  private spansIn(answer: object): Span[] {
    try {
      return readOtlp((answer as { result?: unknown }).result);
    } catch (error) {
      throw this.notJaeger((error as Error).message);
    }
  }

  /** Returns the answer to a path, or undefined for a 404. */
  private async ask(path: string, signal: AbortSignal): Promise<object | undefined> {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(longestRequestMs)]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, { headers: { accept: 'application/json' }, signal: stop });
      text = await response.text();
    } catch (error) {
      const { cause, message } = error as Error;
      throw new MeshmockError(
        'unavailable',
        `${this.subject}: ${this.url}: ${cause instanceof Error ? cause.message : message}`,
      );
    }
    if (response.status === 404) return undefined;
    if (!response.ok) throw this.notJaeger(`it answers ${response.status} to ${path}`);
    try {
      const answer: unknown = JSON.parse(text);
      if (typeof answer === 'object' && answer !== null) return answer;
    } catch {
      // The error below says it.
    }
    throw this.notJaeger(`its answer to ${path} is not JSON`);
  }

  private notJaeger(problem: string): MeshmockError {
    return new MeshmockError(
      'unavailable',
      `${this.subject}: ${this.url} is not the query API of a Jaeger: ${problem}`,
    );
  }
}
