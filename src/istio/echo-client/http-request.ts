import http from 'node:http';

/** Request of the client of Istio's echo image. */
export interface EchoRequest {
  readonly url: string;
  readonly method: string;
  /** Headers in the order of the command. `Host` sets the authority. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Parts of a request that each protocol sends in its own way. */
interface RequestParts {
  /** Address to dial, as the URL has it. */
  readonly address: string;
  /** Value of `Host` or `:authority`. */
  readonly authority: string;
  /** Path and query, as the URL has them. */
  readonly path: string;
  /** Headers without `Host`. */
  readonly headers: EchoRequest['headers'];
}

/** Returns the parts of a request. */
export function partsOf({ url, headers }: EchoRequest): RequestParts {
  const [, address = '', path = ''] = /^[^:]*:\/\/([^/?]*)(.*)$/s.exec(url) ?? [];
  const isHost = ({ name }: { readonly name: string }): boolean => name.toLowerCase() === 'host';
  return {
    address,
    authority: headers.find(isHost)?.value ?? address,
    path: path.startsWith('/') ? path : `/${path}`,
    headers: headers.filter((header) => !isHost(header)),
  };
}

/**
 * Makes a request over HTTP/1.1 on a connection of its own, and returns the lines that describe it and its answer.
 *
 * @throws an error if there is no answer, or if the signal is aborted
 */
export async function requestHttp(request: EchoRequest, index: number, signal: AbortSignal): Promise<string[]> {
  const { address, authority, path, headers } = partsOf(request);
  const { hostname, port } = new URL(`http://${address}`);
  const sent = [{ name: 'Host', value: authority }, { name: 'User-Agent', value: 'Go-http-client/1.1' }, ...headers];
  const options: http.RequestOptions = {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 80 : port,
    path,
    method: request.method,
    agent: false,
    signal,
    headers: sent.flatMap(({ name, value }) => [name, value]),
  };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.request(options).once('response', resolve).once('error', reject).end();
  });
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += String(chunk);
  return [
    `[${index}] Url=${request.url}`,
    ...headers.map(({ name, value }) => `[${index}] Header=${name}:${value}`),
    `[${index}] StatusCode=${response.statusCode}`,
    ...responseHeaders(response.rawHeaders).map((header) => `[${index}] ResponseHeader=${header}`),
    ...bodyLines(index, body),
  ];
}

/** Returns headers as `Name:value`, sorted, with names as Go's net/http writes them. */
function responseHeaders(rawHeaders: readonly string[]): string[] {
  const headers: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const lower = (rawHeaders[at] ?? '').toLowerCase();
    const name = lower.replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
    headers.push(`${name}:${rawHeaders[at + 1]}`);
  }
  return headers.sort();
}

/** Returns the lines of a body, each with the index of the request. */
export function bodyLines(index: number, body: string): string[] {
  return body.split('\n').flatMap((line) => (line === '' ? [] : [`[${index} body] ${line}`]));
}
