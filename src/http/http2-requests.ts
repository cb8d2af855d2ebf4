import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders } from 'node:http2';
import type { ConnectionFacts } from '../connections/connection.ts';
import type { Http2Arrival, Http2Requests } from '../connections/http2-requests.ts';
import type { ServedCall } from '../connections/served-call.ts';
import type { Service } from '../execute/service.ts';
import { isAdminPath, isProbe } from './admin-routes.ts';
import { type RequestHandlers, refuser } from './admission.ts';
import { pathOfTarget } from './codec.ts';
import type { RequestTurn } from './pipeline.ts';

/** Creates the handler of requests over HTTP/2. They are answered as those over HTTP/1.1. */
export function createHttp2Requests(service: Service, { admin, plan }: RequestHandlers): Http2Requests {
  const refuse = refuser(service);
  return {
    isProbe,
    answer(arrival, served) {
      const { request, response } = messagesOf(arrival);
      if (arrival.headers[':method'] === 'CONNECT') {
        response.writeHead(405).end();
        served?.beginAnswer(0);
      } else if (served === undefined || isAdminPath(pathOfTarget(request.url ?? ''))) {
        served?.beginAnswer(0);
        admin(request, response);
      } else {
        if (request.headers.expect === '100-continue') response.writeContinue();
        plan(request, response, new StreamTurn(arrival, served), served.budget);
      }
    },
    refuse(arrival, reason) {
      refuse(messagesOf(arrival).response, reason);
    },
  };
}

/** Turn of a request in a stream of its own. */
class StreamTurn implements RequestTurn {
  private readonly arrival: Http2Arrival;
  private readonly served: ServedCall;
  private readonly client = new AbortController();
  onUnreadable: (() => void) | undefined;

  constructor(arrival: Http2Arrival, served: ServedCall) {
    this.arrival = arrival;
    this.served = served;
    arrival.stream.once('close', () => this.client.abort());
  }

  get signal(): AbortSignal {
    return this.client.signal;
  }

  get facts(): ConnectionFacts {
    return { ...this.served.facts, httpVersion: '2' };
  }

  endArrival(): void {
    this.served.beginExecution();
  }

  beginPart(bytes: number): void {
    this.served.beginMessage(bytes);
  }

  endPart(): void {
    this.served.beginExecution();
  }

  beginAnswer(bytes: number): void {
    this.served.beginAnswer(bytes);
  }

  /** Resets the stream. Other requests of the connection go on. */
  reset(): void {
    this.arrival.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/** Returns request and response in the form of HTTP/1.1, which Node imitates. */
function messagesOf({ stream, headers, rawHeaders }: Http2Arrival): {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
} {
  const request = new Http2ServerRequest(stream, headers, {}, rawHeaders);
  Object.defineProperties(request, {
    headers: { value: plainFields(headers) },
    rawHeaders: { value: plainRawHeaders(rawHeaders) },
  });
  const response = new Http2ServerResponse(stream);
  return { request: request as unknown as IncomingMessage, response: response as unknown as ServerResponse };
}

/** Returns the headers that a request over HTTP/1.1 would have (RFC 9113 section 8.3.1). */
function plainFields({ ':authority': authority, ...fields }: IncomingHttpHeaders): IncomingHttpHeaders {
  const plain: IncomingHttpHeaders = authority === undefined ? {} : { host: authority };
  for (const [name, value] of Object.entries(fields)) if (!name.startsWith(':')) plain[name] = value;
  return plain;
}

function plainRawHeaders(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (name === ':authority') fields.push('host', raw[index + 1] ?? '');
    else if (!name.startsWith(':')) fields.push(name, raw[index + 1] ?? '');
  }
  return fields;
}
