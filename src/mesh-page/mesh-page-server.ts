import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MeshmockError } from '../error/meshmock-error.ts';
import { type EdgeDetails, type MeshPageError, meshPaths } from '../page/model/mesh-page-data.ts';
import { type PageLinks, pagePrefix } from '../page/model/page-data.ts';
import { EventStreams, mostStreams } from './event-streams.ts';
import { type MeshSource, objectAnswer, traceAnswer, tracesAnswer } from './mesh-answers.ts';
import { guardRequest } from './request-guard.ts';
import { Sampler } from './sampler.ts';
import type { EdgeEnds } from './traffic-window.ts';

/** Address on which the page listens. */
export interface PageAddress {
  readonly host: string;
  readonly port: number;
}

const usualAddress: PageAddress = { host: 'localhost', port: 20_080 };

/** Data of an error that a client made. */
class PageRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Server of the page of a local mesh. Without an open page it does nothing: the sampler runs while a page reads events, and
 * the files of the page are read at the first request.
 *
 * @example
 * await using page = await MeshPageServer.start({ host: 'localhost', port: 0 }, mesh, {}, signal);
 * console.log(page.url);
 */
export class MeshPageServer implements AsyncDisposable {
  private readonly server: Server;
  private readonly host: string;
  private readonly mesh: MeshSource;
  private readonly links: PageLinks;
  private readonly ended = new AbortController();
  private readonly streams: EventStreams;
  private readonly sampler: Sampler;
  private lastData = '';
  private lastEdge: Promise<unknown> = Promise.resolve();

  private constructor(host: string, mesh: MeshSource, links: PageLinks) {
    this.host = host;
    this.mesh = mesh;
    this.links = links;
    this.streams = new EventStreams((count) => this.sampler.setRunning(count > 0));
    this.sampler = new Sampler(mesh, (state) => this.publish(JSON.stringify(state)), this.ended.signal);
    this.server = createServer({ requestTimeout: 10_000 }, (request, response) => {
      void this.answer(request, response);
    });
    this.server.maxConnections = 16 * mostStreams;
  }

  /**
   * Starts the server.
   *
   * @throws MeshmockError `conflict` if the port is taken, `machine` if this machine cannot listen on it
   */
  static async start({ host, port }: PageAddress, mesh: MeshSource, links: PageLinks): Promise<MeshPageServer> {
    const page = new MeshPageServer(host, mesh, links);
    try {
      page.server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) });
      await once(page.server, 'listening');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const advice = `choose another address with --page, such as --page ${host}:0 for any free port, or use --no-page`;
      throw code === 'EADDRINUSE'
        ? new MeshmockError('conflict', `port ${port} for the page is taken: ${advice}`)
        : new MeshmockError('machine', `the page cannot listen on port ${port} (${message}): ${advice}`);
    }
    return page;
  }

  /**
   * Starts the server at the address that the user chose. Without one, it gets the usual port, or any free one.
   *
   * @throws MeshmockError `conflict` if the chosen port is taken
   */
  static startAt(chosen: PageAddress | undefined, mesh: MeshSource, links: PageLinks): Promise<MeshPageServer> {
    if (chosen !== undefined) return MeshPageServer.start(chosen, mesh, links);
    return MeshPageServer.start(usualAddress, mesh, links).catch(() =>
      MeshPageServer.start({ ...usualAddress, port: 0 }, mesh, links),
    );
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    const { host } = this;
    const name = ['', '0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    return `http://${name}:${port}/`;
  }

  /** Tells open pages that the mesh ends, and closes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.ended.abort();
    this.streams.end('end', JSON.stringify(''));
    this.server.closeIdleConnections();
    this.server.close();
    // A page that does not read its last event must not keep the process.
    setTimeout(() => this.server.closeAllConnections(), 500).unref();
  }

  private publish(data: string): void {
    const lasting = data.replace(/"atMs":\d+,/, '');
    if (lasting === this.lastData) return;
    this.lastData = lasting;
    this.streams.send('state', data);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = guardRequest(request, this.host);
      if (refusal !== undefined) throw new PageRefusal(refusal.status, refusal.error);
      const url = URL.parse(request.url ?? '/', 'http://page');
      if (url === null) throw new PageRefusal(400, 'the path is not valid');
      await this.answerPath(url, request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else sendJson(response, statusOf(error), { error: (error as Error).message } satisfies MeshPageError);
    }
  }

  private async answerPath(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = url;
    const signal = AbortSignal.any([this.ended.signal, AbortSignal.timeout(requestMs)]);
    switch (pathname) {
      case meshPaths.page:
        return this.sendPage(response);
      case meshPaths.state:
        return sendJson(response, 200, await this.sampler.current());
      case meshPaths.events:
        return this.openStream(response);
      case meshPaths.edge: {
        const ends = { from: parameter(searchParams, 'from'), to: parameter(searchParams, 'to') };
        return sendFound(response, await this.edgeDetails(ends, signal));
      }
      case meshPaths.object:
        await this.sampler.refresh();
        return sendFound(response, objectAnswer(this.sampler.model, parameter(searchParams, 'id')));
      case meshPaths.traces:
        return sendJson(response, 200, await tracesAnswer(this.mesh, sinceOf(searchParams), signal));
      case meshPaths.trace:
        return sendFound(response, await traceAnswer(this.mesh, parameter(searchParams, 'id'), signal));
      default:
        if (pathname.startsWith(pagePrefix)) return sendFile(pathname, request, response);
        throw new PageRefusal(404, 'not found');
    }
  }

  /** Reads what acts on an edge. One edge is read at a time, since the configuration of a proxy has megabytes. */
  private edgeDetails(ends: EdgeEnds, signal: AbortSignal): Promise<EdgeDetails | undefined> {
    const answer = this.lastEdge.then(async () => {
      signal.throwIfAborted();
      await this.sampler.refresh();
      return this.mesh.edgeDetails(this.sampler.model, ends, signal);
    });
    this.lastEdge = answer.catch(() => {});
    return answer;
  }

  private async sendPage(response: ServerResponse): Promise<void> {
    const [{ meshPage }, { pageFiles }, state] = await Promise.all([
      import('../page/server/mesh-page.ts'),
      import('../page/server/page-files.ts'),
      this.sampler.current(),
    ]);
    const { html, headers } = meshPage({ state, links: this.links }, await pageFiles());
    response.writeHead(200, [...['content-type', 'text/html; charset=utf-8'], ...headers]).end(html);
  }

  private async openStream(response: ServerResponse): Promise<void> {
    if (this.streams.isFull)
      throw new PageRefusal(503, `${mostStreams} pages of this mesh are open: close one of them`);
    const state = await this.sampler.current();
    if (response.destroyed) return;
    this.streams.open(response, 'state', JSON.stringify(state));
  }
}

/** Maximum time of a request for data, in milliseconds. */
const requestMs = 20_000;

/** Longest value of a parameter. */
const longestParameter = 1000;

function parameter(parameters: URLSearchParams, name: string): string {
  const value = parameters.get(name) ?? '';
  if (value === '' || value.length > longestParameter) throw new PageRefusal(400, `the parameter ${name} is missing`);
  return value;
}

/** Returns the time after which traces are wanted; 0 for all. */
function sinceOf(parameters: URLSearchParams): number {
  const since = Number(parameters.get('since') ?? 0);
  if (Number.isFinite(since)) return since;
  throw new PageRefusal(400, 'the parameter since is not a time in milliseconds');
}

async function sendFile(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { findPageFile, pageFiles } = await import('../page/server/page-files.ts');
  const files = await pageFiles();
  const found = files && findPageFile(files, pathname);
  if (found === undefined) throw new PageRefusal(404, 'not found');
  const { file, isCurrent } = found;
  const isGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  response.writeHead(200, {
    'content-type': file.contentType,
    'cache-control': isCurrent ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(isGzip ? file.gzipped : file.content);
}

function sendFound(response: ServerResponse, value: object | undefined): void {
  if (value === undefined) throw new PageRefusal(404, 'not found');
  sendJson(response, 200, value);
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  });
  response.end(JSON.stringify(value));
}

function statusOf(error: unknown): number {
  if (error instanceof PageRefusal) return error.status;
  return error instanceof MeshmockError && error.code === 'unavailable' ? 502 : 500;
}
