import { choosePorts } from '../../src/cli/up/ports.ts';
import { type StartedProcess, startProcess } from './processes.ts';

/** Program that a scenario measures: the URL that the load requests, and the processes whose CPU time counts. */
export interface Candidate {
  readonly name: string;
  readonly url: string;
  readonly pids: readonly number[];
  /** Requests that one request causes in all services, itself included. */
  readonly requests: number;
  /** Requests at once; if absent, as many as there are connections. */
  readonly maxLanes?: number;
  /** Body of the requests, which are then POST. */
  readonly body?: string;
  /** Text that the answer has if the whole tree was called. */
  readonly expected?: RegExp;
  /** Number of requests of its exporter so far. A candidate with an exporter must have some in the end. */
  exports?(): number;
}

/** Candidates that are measured in turn. The ratios are relative to the first one. */
export interface Scenario {
  readonly title: string;
  readonly candidates: readonly Candidate[];
  /** Closes what the candidates use besides their processes. */
  readonly close?: () => void;
}

const main = '../../dist/cli/main.js';

/** Telemetry of a candidate. */
const modes = {
  'spans off': () => ({}),
  'spans exported': (sink: string) => spansTo(sink),
  '1 % of the traces': (sink: string) => ({
    ...spansTo(sink),
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
  }),
} satisfies Record<string, (sink: string) => Record<string, string>>;

export type Mode = keyof typeof modes;

/** Returns the variables with which a service has the telemetry of a mode. */
export function modeEnv(mode: Mode, sink: string): Record<string, string> {
  return modes[mode](sink);
}

function spansTo(sink: string): Record<string, string> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: sink, OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
}

function serve(name: string, env: Record<string, string>, args: readonly string[] = []): Promise<StartedProcess> {
  const listen = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--log-level', 'warn'];
  return startProcess(main, ['serve', '--name', name, ...listen, ...args], env);
}

/** One hop: a request comes in over HTTP, one call goes out, and the answer is passed on. */
export async function hop(protocol: 'http' | 'grpc', sink: string): Promise<Scenario> {
  const leaf = await startProcess('./bare-relay.ts', ['leaf']);
  const isHttp = protocol === 'http';
  const relay = await startProcess(
    './bare-relay.ts',
    isHttp ? ['relay', `http://${leaf.http}`] : ['grpc-relay', leaf.grpc],
  );
  const path = isHttp ? `/@${leaf.http}/hello` : `/@grpc:${leaf.grpc}/hello`;
  const candidate = async (name: string, env: Record<string, string>, args: string[] = []): Promise<Candidate> => {
    const { http, pid } = await serve('hop', env, args);
    return { name: `meshmock, ${name}`, url: `http://${http}${path}`, pids: [pid], requests: 1 };
  };
  const ofModes = Object.keys(modes) as Mode[];
  return {
    title: isHttp ? 'one hop over HTTP' : 'one hop over gRPC',
    candidates: [
      {
        name: isHttp ? 'bare node:http and undici' : 'bare grpc-js',
        url: `http://${relay.http}/hello`,
        pids: [relay.pid],
        requests: 1,
      },
      ...(await Promise.all(ofModes.map((mode) => candidate(mode, modes[mode](sink))))),
      await candidate('metrics on', {}, ['--metrics', '127.0.0.1:0']),
    ],
  };
}

const names = ['a', 'b', 'c'] as const;

/** The same hop of a service with the page, which no browser visits, and of one without it. */
export async function hopsOfPages(): Promise<Scenario> {
  const leaf = await startProcess('./bare-relay.ts', ['leaf']);
  const candidates = [[], ['--no-page']].map(async (args): Promise<Candidate> => {
    const { http, pid } = await serve('hop', {}, args);
    const name = `meshmock ${args.join(' ')}`.trim();
    return { name, url: `http://${http}/@${leaf.http}/hello`, pids: [pid], requests: 1 };
  });
  return { title: 'one hop over HTTP, with and without the page', candidates: await Promise.all(candidates) };
}

/** Starts three services that call each other by name. */
export async function startThree(env: Record<string, string>): Promise<{ origin: string; pids: number[] }> {
  const wanted = names.flatMap((name) => [`${name} HTTP`, `${name} gRPC`]);
  const ports = await choosePorts(wanted.map((name) => ({ flag: '', name, host: '127.0.0.1', port: 0 })));
  const addresses = names.map((name, index) => ({ name, http: ports[2 * index], grpc: ports[2 * index + 1] }));
  const connect = addresses.flatMap(({ name, http, grpc }) => [
    ...['--connect-to', `${name}:8080:127.0.0.1:${http}`],
    ...['--connect-to', `${name}:9090:127.0.0.1:${grpc}`],
  ]);
  const started = await Promise.all(
    addresses.map(({ name, http, grpc }) => {
      const listen = ['--http', `127.0.0.1:${http}`, '--grpc', `127.0.0.1:${grpc}`, '--log-level', 'warn'];
      return startProcess(main, ['serve', '--name', name, ...listen, ...connect], env);
    }),
  );
  return { origin: `http://127.0.0.1:${addresses[0]?.http}`, pids: started.map(({ pid }) => pid) };
}

/** Returns the path of a chain of so many services. The first one gets the request; three services call each other. */
export function chainPath(services: number, scheme: (index: number) => string): string {
  const calls = Array.from({ length: services - 1 }, (_, index) => `/@${scheme(index)}${names[(index + 1) % 3]}`);
  return `${calls.join('')}/hello`;
}

/** Returns the path of one call to so many targets at once. */
function fanOutPath(calls: number): string {
  return `/@${Array.from({ length: calls }, (_, index) => names[1 + (index % 2)]).join('|')}/hello`;
}

/** Starts three services that make the calls of a path and do nothing else. */
async function startThreeBare(): Promise<{ origin: string; pids: number[] }> {
  const ports = await choosePorts(names.map((name) => ({ flag: '', name, host: '127.0.0.1', port: 0 })));
  const services = names.map((name, index) => `${name}=${ports[index]}`);
  const started = await Promise.all(ports.map((port) => startProcess('./bare-tree.ts', [String(port), ...services])));
  return { origin: `http://127.0.0.1:${ports[0]}`, pids: started.map(({ pid }) => pid) };
}

interface Tree {
  readonly name: string;
  readonly path: string;
  readonly requests: number;
}

function chain(services: number, scheme: (index: number) => string = () => '', suffix = ''): Tree {
  return { name: `chain of ${services}${suffix}`, path: chainPath(services, scheme), requests: services };
}

function fanOut(calls: number): Tree {
  return { name: `fan-out of ${calls}`, path: fanOutPath(calls), requests: calls + 1 };
}

/** Trees of calls. All of them run over the same three services, so the CPU time is that of the whole tree. */
const trees: readonly Tree[] = [
  chain(3),
  chain(3, () => 'grpc:', ', gRPC'),
  chain(3, (index) => (index % 2 === 0 ? 'grpc:' : ''), ', mixed'),
  chain(5),
  chain(10),
  chain(50),
  fanOut(10),
  fanOut(100),
  fanOut(500),
  { name: 'repeat *1000', path: '/@b*1000;concurrency=16/hello', requests: 1001 },
];

/** Trees of services that do nothing else: what they cost more for each request in large trees, a meshmock costs too. */
const bareTrees: readonly Tree[] = [chain(5), chain(50), fanOut(10), fanOut(500)];

/** Maximum number of requests in the services at once. More of them would meet the limits of a service. */
const maxAtOnce = 500;

/** Returns chains and fan-outs, which are compared with the chain of three. */
export async function treesOf(mode: Mode, sink: string): Promise<Scenario> {
  const meshmocks = await startThree(modes[mode](sink));
  const bare = await startThreeBare();
  const candidates = [
    ...trees.map((tree) => candidateOf(tree, meshmocks)),
    ...bareTrees.map((tree) => candidateOf({ ...tree, name: `bare ${tree.name}` }, bare)),
  ];
  return { title: `trees of calls over three services, ${mode}`, candidates };
}

function candidateOf({ name, path, requests }: Tree, { origin, pids }: { origin: string; pids: number[] }): Candidate {
  return { name, url: origin + path, pids, requests, maxLanes: Math.max(1, Math.floor(maxAtOnce / requests)) };
}
