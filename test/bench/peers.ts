/**
 * Other programs that are measured beside meshmock: chains of three services of each. Their binaries are not part of this
 * repository: `docs/benchmarks.md` says how each is built.
 */
import path from 'node:path';
import { choosePorts } from '../../src/cli/up/ports.ts';
import { type Candidate, chainPath, modeEnv, type Scenario, startThree } from './candidates.ts';
import { type SpanSink, startProgram, startSink } from './processes.ts';

/** Binary that a user has built, as `--peer NAME[@VERSION]=PATH` names it. */
export interface PeerBinary {
  readonly name: keyof typeof peers;
  readonly version: string | undefined;
  readonly file: string;
}

type Protocol = 'http' | 'grpc';

/** Service of a chain. */
interface Service {
  readonly name: string;
  readonly port: number;
  /** Port of the service that it calls; undefined for the last one. */
  readonly next: number | undefined;
  readonly protocol: Protocol;
  /** Sink of its spans; undefined if they are off. */
  readonly sink: SpanSink | undefined;
}

interface Peer {
  readonly protocols: readonly Protocol[];
  /** Exporter of its spans, for the name of a row. */
  readonly exporter: string;
  /** Path and body of a request that causes the whole chain, and a text of its answer. */
  readonly request: Pick<Candidate, 'body' | 'expected'> & { readonly path: string };
  command(service: Service): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
}

/** Programs that can be measured, by name. Each keeps its connections open and logs nothing, as a meshmock here. */
export const peers = {
  'fake-service': {
    protocols: ['http', 'grpc'],
    exporter: 'Zipkin',
    request: { path: '/', expected: /"name": "c"/ },
    command: ({ name, port, next, protocol, sink }) => ({
      args: [],
      env: {
        NAME: name,
        LISTEN_ADDR: `127.0.0.1:${port}`,
        LOG_LEVEL: 'error',
        HTTP_SERVER_KEEP_ALIVES: 'true',
        HTTP_CLIENT_KEEP_ALIVES: 'true',
        ...(next === undefined ? {} : { UPSTREAM_URIS: `${protocol}://127.0.0.1:${next}` }),
        ...(sink === undefined ? {} : { TRACING_ZIPKIN: sink.url }),
      },
    }),
  },
  podinfo: {
    protocols: ['http'],
    exporter: 'OTLP over gRPC',
    request: { path: '/echo', body: 'hello', expected: /hello/ },
    command: ({ name, port, next, sink }) => ({
      args: [
        ...['--host=127.0.0.1', `--port=${port}`, '--level=error'],
        ...(next === undefined ? [] : [`--backend-url=http://127.0.0.1:${next}/echo`]),
        ...(sink === undefined ? [] : [`--otel-service-name=${name}`]),
      ],
      env: sink === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: sink.grpcUrl },
    }),
  },
} satisfies Record<string, Peer>;

/**
 * Parses an argument of `--peer`.
 *
 * @throws Error if it names another program
 * @example parsePeer('podinfo@6.9.2=/tmp/podinfo')
 */
export function parsePeer(text: string): PeerBinary {
  const [, name = '', version, file = ''] = /^([^@=]+)(?:@([^=]+))?=(.+)$/.exec(text) ?? [];
  if (!isPeer(name))
    throw new Error(`--peer ${text}: expected NAME[@VERSION]=PATH with ${Object.keys(peers).join(' or ')}`);
  return { name, version, file: path.resolve(file) };
}

function isPeer(name: string): name is keyof typeof peers {
  return Object.hasOwn(peers, name);
}

const names = ['a', 'b', 'c'] as const;

/** Starts a chain of three services of a peer. */
async function startPeer(
  { name, version, file }: PeerBinary,
  protocol: Protocol,
  sink: SpanSink | undefined,
): Promise<Candidate> {
  const peer: Peer = peers[name];
  const ports = await choosePorts(names.map((each) => ({ flag: '', name: each, host: '127.0.0.1', port: 0 })));
  const pids: number[] = [];
  // A service may connect to the next one when it starts.
  for (const [index, service] of [...names.entries()].reverse()) {
    const port = ports[index] ?? 0;
    const { args, env } = peer.command({ name: service, port, next: ports[index + 1], protocol, sink });
    pids.push(await startProgram(file, args, { PATH: process.env.PATH, ...env }, port));
  }
  const { path: uri, ...request } = peer.request;
  return {
    name: `${name}${version === undefined ? '' : ` ${version}`}, ${sink === undefined ? 'spans off' : peer.exporter}`,
    url: `http://127.0.0.1:${ports[0]}${uri}`,
    pids,
    requests: names.length,
    ...request,
    ...(sink === undefined ? {} : { exports: sink.received }),
  };
}

async function startOurs(protocol: Protocol, sink: SpanSink | undefined): Promise<Candidate> {
  const { origin, pids } = await startThree(sink === undefined ? {} : modeEnv('spans exported', sink.url));
  return {
    name: `meshmock, ${sink === undefined ? 'spans off' : 'OTLP over HTTP'}`,
    url: `${origin}${chainPath(names.length, () => (protocol === 'grpc' ? 'grpc:' : ''))}`,
    pids,
    requests: names.length,
    expected: /"service":"c"/,
    ...(sink === undefined ? {} : { exports: sink.received }),
  };
}

/** Returns chains of three services, of meshmock and of the peers that have the protocol. */
export async function chainsOf(binaries: readonly PeerBinary[], protocol: Protocol): Promise<Scenario> {
  const able = binaries.filter(({ name }) => (peers[name] as Peer).protocols.includes(protocol));
  const sinks: SpanSink[] = [];
  const newSink = async (): Promise<SpanSink> => {
    const sink = await startSink();
    sinks.push(sink);
    return sink;
  };
  const candidates: Candidate[] = [];
  for (const hasSpans of [false, true]) {
    candidates.push(await startOurs(protocol, hasSpans ? await newSink() : undefined));
    for (const binary of able)
      candidates.push(await startPeer(binary, protocol, hasSpans ? await newSink() : undefined));
  }
  const close = (): void => {
    for (const sink of sinks) sink.close();
  };
  const title = `chain of three services over ${protocol === 'http' ? 'HTTP' : 'gRPC'}, beside other programs`;
  return { title, candidates, close };
}
