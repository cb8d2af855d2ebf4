import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { DnsSource } from '../src/dial/names/dns-source.ts';
import { TargetResolver } from '../src/dial/target-resolver.ts';
import { TargetRules } from '../src/dial/targets/target-rules.ts';
import { optional } from '../src/error/optional.ts';
import { type BudgetLimits, defaultBudgetLimits } from '../src/execute/budgets/limits.ts';
import { Dialler } from '../src/execute/connect-to.ts';
import type { AnsweredRequest } from '../src/execute/service.ts';
import { ServicePorts } from '../src/execute/service-ports.ts';
import { decodeReplyMessage } from '../src/grpc/codec.ts';
import { protoFile, protoRoot } from '../src/grpc/services/proto-root.ts';
import { readReplyMessage, replyInDetails } from '../src/grpc/status-details.ts';
import { defaultPlanLimits, type PlanLimits } from '../src/plan/plan.ts';
import { callMethod, type Reply } from '../src/reply/reply.ts';
import type { Logger } from '../src/serve/logger.ts';
import { type RunningService, type ServiceOptions, startService } from '../src/serve/start-service.ts';
import { noTelemetry } from '../src/telemetry/tracing.ts';

/** One request with its answer, and the times of both by the clock of `performance.now()`. */
export interface Arrival extends AnsweredRequest {
  readonly service: string;
  readonly arrivedAt: number;
  readonly answeredAt: number;
}

export interface TestMesh extends AsyncDisposable {
  readonly services: ReadonlyMap<string, RunningService>;
  readonly dialler: Dialler;
  readonly servicePorts: ServicePorts;
  /** All requests, in the order of their answers. */
  readonly arrivals: readonly Arrival[];
  /** Problems of clients that could not be served. */
  readonly problems: readonly string[];
  /** Results of changed files of TLS: the problem, or undefined if they are in effect. */
  readonly tlsFiles: readonly (string | undefined)[];
  httpPort(name: string): number;
  grpcPort(name: string): number;
  tcpPort(name: string): number;
  tlsPort(name: string): number;
}

/** Pod of a mesh, with options. Several pods of one service get requests in turn. */
export type PodOptions = { readonly name: string; readonly version?: string; readonly pod?: string } & Partial<
  Pick<ServiceOptions, 'role' | 'behaviour' | 'seed' | 'maxQueueMs' | 'protoFiles' | 'tls' | 'page'>
> & { readonly zone?: string };

/** Starts services in this process, on free ports. They call each other by name. */
export async function startMesh(
  pods: readonly (string | PodOptions)[],
  limits: Partial<PlanLimits> = {},
  forwardHeaders: string[] = [],
  budgets: Partial<BudgetLimits> = {},
  targets = new TargetResolver(new DnsSource(), new TargetRules({ allow: [], deny: [] })),
): Promise<TestMesh> {
  const dialler = new Dialler();
  const servicePorts = new ServicePorts();
  const arrivals: Arrival[] = [];
  const problems: string[] = [];
  const tlsFiles: (string | undefined)[] = [];
  const services = new Map<string, RunningService>();
  for (const options of pods) {
    const {
      name,
      version = 'v1',
      pod = `${name}-1`,
      zone,
      ...more
    } = typeof options === 'string' ? { name: options } : options;
    const logger: Logger = {
      answered(answered) {
        const answeredAt = performance.now();
        arrivals.push({ ...answered, service: name, answeredAt, arrivedAt: answeredAt - answered.durationMs });
      },
      refused() {},
      unusable: (problem) => problems.push(problem),
      tlsFiles: (problem) => tlsFiles.push(problem),
    };
    const address = { host: '127.0.0.1', port: 0 };
    const running = await startService(
      {
        identity: { service: name, version, pod, ...optional('zone', zone) },
        http: [address],
        grpc: [address],
        tcp: [address],
        dialler,
        servicePorts,
        targets,
        forwardHeaders,
        limits: { ...defaultPlanLimits, ...limits },
        role: { kind: 'mock' },
        protoFiles: [],
        behaviour: [],
        seed: 'test',
        drainMs: 200,
        // The services and the tests share one event loop, which says nothing about the load of a service.
        maxQueueMs: 0,
        budgets: { ...defaultBudgetLimits, ...budgets },
        ...more,
      },
      noTelemetry(),
      logger,
    );
    services.set(services.has(name) ? pod : name, running);
    dialler.add({ host: name, port: '8080', toHost: '127.0.0.1', toPort: String(running.http[0]?.port) });
    dialler.add({ host: name, port: '9090', toHost: '127.0.0.1', toPort: String(running.grpc[0]?.port) });
    const tlsPort = running.tls[0]?.port;
    if (tlsPort !== undefined) dialler.add({ host: name, port: '443', toHost: '127.0.0.1', toPort: String(tlsPort) });
    dialler.add({ host: name, port: '9000', toHost: '127.0.0.1', toPort: String(running.tcp[0]?.port) });
  }
  return {
    services,
    dialler,
    servicePorts,
    arrivals,
    problems,
    tlsFiles,
    httpPort: (name) => services.get(name)?.http[0]?.port ?? 0,
    grpcPort: (name) => services.get(name)?.grpc[0]?.port ?? 0,
    tcpPort: (name) => services.get(name)?.tcp[0]?.port ?? 0,
    tlsPort: (name) => services.get(name)?.tls[0]?.port ?? 0,
    async [Symbol.asyncDispose]() {
      await Promise.all([...services.values()].map((service) => service.stop()));
    },
  };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request whose target is the path byte for byte, over a new connection. */
export function sendHttp(
  port: number,
  path: string,
  {
    method = 'GET',
    headers = {},
    signal,
    body,
  }: { method?: string; headers?: http.OutgoingHttpHeaders; signal?: AbortSignal; body?: string } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = http.request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { ...length, ...headers },
        agent: false,
        insecureHTTPParser: true,
        ...optional('signal', signal),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends a path over HTTP and returns the reply. */
export async function callHttp(port: number, path: string, headers: http.OutgoingHttpHeaders = {}): Promise<Reply> {
  const { body } = await sendHttp(port, path, { headers: { accept: 'application/json', ...headers } });
  return JSON.parse(body) as Reply;
}

export interface GrpcAnswer {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
  /** Reply in the message, or in the details of the status. */
  readonly reply: Reply | undefined;
}

const definition = loadSync(protoFile, { includeDirs: [protoRoot] })['meshmock.v1.MeshMock'] as unknown as {
  Call: { requestSerialize(request: object): Buffer };
};

/** Sends a `CallRequest` over gRPC. */
export async function callGrpc(
  port: number,
  request: object,
  { headers = {}, deadlineMs = 20_000 }: { headers?: Record<string, string>; deadlineMs?: number } = {},
): Promise<GrpcAnswer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  try {
    return await new Promise<GrpcAnswer>((resolve) => {
      let initial = new Metadata();
      const call = client.makeUnaryRequest(
        `/${callMethod}`,
        definition.Call.requestSerialize,
        decodeReplyMessage,
        request,
        metadata,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, reply?: Reply) => {
          if (error === null) resolve({ code: 0, details: '', metadata: initial, reply });
          else {
            const message = replyInDetails(error.metadata);
            resolve({
              code: error.code,
              details: error.details,
              metadata: error.metadata,
              reply: message === undefined ? undefined : readReplyMessage(message),
            });
          }
        },
      );
      call.on('metadata', (received: Metadata) => {
        initial = received;
      });
    });
  } finally {
    client.close();
  }
}

export interface ForeignServer extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly {
    readonly url: string;
    readonly headers: http.IncomingHttpHeaders;
    readonly arrivedAt: number;
  }[];
  /** Number of requests without an answer yet. */
  readonly open: number;
}

/** Starts an HTTP server that is not a meshmock. */
export async function startForeignServer(handler: http.RequestListener): Promise<ForeignServer> {
  const requests: { url: string; headers: http.IncomingHttpHeaders; arrivedAt: number }[] = [];
  let open = 0;
  const server = http.createServer((request, response) => {
    requests.push({ url: request.url ?? '', headers: request.headers, arrivedAt: performance.now() });
    open++;
    response.once('close', () => open--);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get open() {
      return open;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Formats the services of a reply's tree, in the order of the plan: `a(b,c)`. */
export function treeOf(reply: Reply): string {
  const calls = (reply.calls ?? []).map((call) => (call.reply === undefined ? call.target : treeOf(call.reply)));
  return calls.length === 0 ? reply.service : `${reply.service}(${calls.join(',')})`;
}

/** Returns the replies without calls in a tree, in the order of the plan. */
export function leavesOf(reply: Reply): Reply[] {
  const below = (reply.calls ?? []).flatMap((call) => (call.reply === undefined ? [] : leavesOf(call.reply)));
  return reply.calls === undefined ? [reply] : below;
}
