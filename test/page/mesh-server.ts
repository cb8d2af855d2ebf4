import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type EdgeDetails,
  type MeshPageData,
  type MeshState,
  meshPaths,
  type ObjectText,
  type TraceList,
  type TraceView,
} from '../../src/page/model/mesh-page-data.ts';
import type { PageLinks } from '../../src/page/model/page-data.ts';
import { meshPage } from '../../src/page/server/mesh-page.ts';
import { findPageFile, pageFiles } from '../../src/page/server/page-files.ts';

/** Data that a server of made data answers with. */
export interface MadeMesh {
  state: MeshState;
  edge: EdgeDetails;
  traces: TraceList;
  trace: TraceView;
  object?: ObjectText;
  links?: PageLinks;
}

/** Server of made data under the real page of a mesh. */
export interface MeshServer extends AsyncDisposable {
  readonly url: string;
  /** Requests in their order, such as `/-/mesh/events` or `/-/mesh/traces?since=7`. */
  readonly requests: readonly string[];
  /** Number of open streams of events. */
  streams(): number;
  /** Sends a new state. */
  send(state: MeshState): void;
  /** Ends all streams: with an event `end`, or by a lost connection. */
  end(reason?: string): void;
}

/** Starts a server with the real HTML and files of the page, and made data. */
export async function startMeshServer(made: MadeMesh): Promise<MeshServer> {
  const files = await pageFiles();
  const streams = new Set<ServerResponse>();
  const requests: string[] = [];
  const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://mesh');
    requests.push(pathname + search);
    const json = (data: unknown): void => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(data));
    };
    const answers: Readonly<Record<string, () => void>> = {
      [meshPaths.page]: () => {
        const data: MeshPageData = { state: made.state, links: made.links ?? {} };
        const { html, headers } = meshPage(data, files);
        response.writeHead(200, ['content-type', 'text/html; charset=utf-8', ...headers]).end(html);
      },
      [meshPaths.events]: () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event('state', made.state));
        streams.add(response);
        response.on('close', () => streams.delete(response));
      },
      [meshPaths.state]: () => json(made.state),
      [meshPaths.edge]: () => json(made.edge),
      [meshPaths.object]: () => json(made.object ?? { error: 'there is no such object' }),
      [meshPaths.traces]: () => json(made.traces),
      [meshPaths.trace]: () => json(made.trace),
    };
    const answer = answers[pathname];
    const found = files && findPageFile(files, pathname);
    if (answer !== undefined) answer();
    else if (found) response.setHeader('content-type', found.file.contentType).end(found.file.content);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    streams: () => streams.size,
    send(state) {
      made.state = state;
      for (const stream of streams) stream.write(event('state', state));
    },
    end(reason) {
      for (const stream of streams) {
        if (reason === undefined) stream.destroy();
        else stream.end(event('end', reason));
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
