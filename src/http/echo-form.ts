import type { IncomingMessage } from 'node:http';
import type { EchoForm } from '../execute/echo-server.ts';
import type { RawReply, Reply } from '../reply/reply.ts';
import type { EncodedReply } from './codec.ts';

/**
 * Encodes a reply as an echo server does: the text that the request asked for, or else the request.
 *
 * @example
 * encodeEcho('echo-basic', reply, request).body.toString(); // '{\n "path": "/hello",\n "host": "service1:8080", …'
 */
export function encodeEcho(form: EchoForm, reply: Reply<RawReply>, request: IncomingMessage): EncodedReply {
  const { contentType, text } = textOf(form, reply, request);
  // fastify adds a charset to the type of a string, and these servers send none.
  return { contentType, body: Buffer.from(text) };
}

function textOf(
  form: EchoForm,
  reply: Reply<RawReply>,
  request: IncomingMessage,
): { readonly contentType: string; readonly text: string } {
  if (reply.body !== undefined) return { contentType: 'text/plain; charset=utf-8', text: String(reply.body) };
  switch (form) {
    case 'echo-basic':
      return { contentType: 'application/json', text: JSON.stringify(requestAssertions(reply, request), undefined, 1) };
    case 'istio-echo':
      return { contentType: 'application/text', text: fieldLines(reply, request) };
  }
}

/** Returns the fields of `echo-basic` (kubernetes-sigs/gateway-api, `RequestAssertions` of echo-basic.go). */
function requestAssertions({ service, namespace = '', pod }: Reply<RawReply>, request: IncomingMessage): object {
  const headers = Map.groupBy(receivedHeaders(request.rawHeaders), ({ name }) => name);
  return {
    path: request.url,
    host: request.headers.host ?? '',
    method: request.method,
    proto: `HTTP/${request.httpVersion}`,
    headers: Object.fromEntries([...headers].map(([name, same]) => [name, same.map(({ value }) => value)])),
    httpPort: String(request.socket.localPort),
    namespace,
    ingress: '',
    service,
    pod,
  };
}

/** Returns the lines of Istio's echo (istio/istio, `addResponsePayload` of pkg/test/echo/server/endpoint/http.go). */
function fieldLines({ version, namespace, pod }: Reply<RawReply>, request: IncomingMessage): string {
  const fields: [name: string, value: string | undefined][] = [
    ['ServiceVersion', version],
    ['ServicePort', String(request.socket.localPort)],
    ['Host', request.headers.host ?? ''],
    ['URL', request.url],
    ['Namespace', namespace],
    ['Method', request.method],
    ['Proto', `HTTP/${request.httpVersion}`],
    ['IP', request.socket.remoteAddress?.replace(/^::ffff:/, '')],
    ...receivedHeaders(request.rawHeaders).map(({ name, value }): [string, string] => [
      'RequestHeader',
      `${name}:${value}`,
    ]),
    ['Hostname', pod],
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}\n`])).join('');
}

/**
 * Returns the headers of a request by name, with names as Go's net/http writes them, such as `X-Request-Id`. Go has the
 * host and the transfer encoding elsewhere.
 */
function receivedHeaders(rawHeaders: readonly string[]): { readonly name: string; readonly value: string }[] {
  const headers: { name: string; value: string }[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = canonicalName(rawHeaders[index] ?? '');
    if (name !== 'Host' && name !== 'Transfer-Encoding') headers.push({ name, value: rawHeaders[index + 1] ?? '' });
  }
  return headers.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function canonicalName(name: string): string {
  return name.toLowerCase().replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
