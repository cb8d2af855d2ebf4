/**
 * Servers that the benchmarks compare a meshmock with. `leaf` answers a request, and `relay` and `grpc-relay` forward it to
 * a leaf, and do nothing else.
 */
import http from 'node:http';
import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { Agent } from 'undici';
import { encodeReplyMessage, encodeRequest, sameBytes } from '../../src/grpc/codec.ts';
import { callMethod } from '../../src/reply/reply.ts';
import type { ReadyMessage } from '../../src/serve/process/process-messages.ts';

const [role, target = ''] = process.argv.slice(2);
const methodPath = `/${callMethod}`;
const timeoutMs = 15_000;

const reply = { service: 'leaf', version: 'v1', pod: 'leaf-1', status: 200, body: 'hello', durationMs: 0.1 };
const leafJson = JSON.stringify(reply);
const leafMessage = encodeReplyMessage(reply);

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** Answers with a signature, so that a meshmock embeds the answer unparsed, as the reply of a meshmock. */
const leaf: Handler = (_request, response) => {
  response.setHeader('x-meshmock', 'leaf/v1').setHeader('content-type', 'application/json').end(leafJson);
};

function httpRelay(): Handler {
  const agent = new Agent({ allowH2: false, pipelining: 1 });
  return (request, response) => {
    agent.dispatch(
      { origin: target, path: request.url ?? '/', method: 'GET', headers: { accept: 'application/json' } },
      {
        onRequestStart() {},
        onResponseStart(_controller, status, headers) {
          response.writeHead(status, { 'content-type': String(headers['content-type']) });
        },
        onResponseData(_controller, chunk) {
          response.write(chunk);
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError() {
          response.writeHead(502).end();
        },
      },
    );
  };
}

/** Answers requests over HTTP with a call over gRPC, as a meshmock that calls another one. */
function grpcRelay(): Handler {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
  return (request, response) => {
    const deadline = Date.now() + timeoutMs;
    const message = { path: request.url ?? '/' };
    client.makeUnaryRequest(methodPath, encodeRequest, sameBytes, message, new Metadata(), { deadline }, (error) => {
      if (error === null) response.setHeader('content-type', 'application/json').end(leafJson);
      else response.writeHead(502).end();
    });
  };
}

/** Listens for gRPC calls that get the same answer. Returns the port. */
function listenForGrpc(): Promise<number> {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const codec = {
    requestSerialize: sameBytes,
    requestDeserialize: sameBytes,
    responseSerialize: sameBytes,
    responseDeserialize: sameBytes,
  };
  server.addService(
    { Call: { path: methodPath, requestStream: false, responseStream: false, ...codec } },
    { Call: (_call: unknown, respond: (error: null, message: Buffer) => void) => respond(null, leafMessage) },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

function handlerOf(name: string | undefined): Handler {
  switch (name) {
    case 'leaf':
      return leaf;
    case 'relay':
      return httpRelay();
    case 'grpc-relay':
      return grpcRelay();
    default:
      throw new Error(`unknown role ${name}`);
  }
}

const grpcPort = role === 'leaf' ? await listenForGrpc() : 0;
const server = http.createServer(handlerOf(role));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  process.send?.({
    kind: 'ready',
    http: `127.0.0.1:${port}`,
    grpc: `127.0.0.1:${grpcPort}`,
  } satisfies ReadyMessage);
});
process.on('disconnect', () => process.exit(0));
