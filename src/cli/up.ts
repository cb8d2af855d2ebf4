import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { MeshmockError } from '../plan/error.ts';
import { defaultPorts } from '../plan/plan.ts';
import { callMethod } from '../reply/reply.ts';
import { formatAddress, type ListenAddress } from '../serve/address.ts';
import { wantsSpans } from '../telemetry/start.ts';
import { helpOf, parseOptions } from './options.ts';
import { choosePorts, type NamedPort } from './ports.ts';
import { type ReadyMessage, sameSignalMs } from './serve.ts';
import { besideHttp } from './serve-options.ts';
import { upSchema } from './up-options.ts';

export const upHelp = `meshmock up: a mesh of five services on this machine, each a process, dialling each other by name

${helpOf(upSchema)}`;

const names = ['gateway', 'service1', 'service2', 'service3', 'service4'];

const otlpPort = 4318;

interface Member {
  readonly name: string;
  readonly http: ListenAddress;
  readonly grpc: ListenAddress;
}

/**
 * Runs the mesh until a signal ends it.
 *
 * @throws MeshmockError `usage` when a port is taken
 */
export async function up(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(upSchema, args, process.env);
  const { http, grpc = besideHttp(http) } = values;
  if (positionals[0] !== undefined)
    throw new MeshmockError('usage', `"${positionals[0]}" is no flag (--help lists the flags)`);
  const members = await placeMembers(http, grpc);
  const telemetry = await chooseTelemetry();
  const children = members.map((member) => startMember(member, members, values.logLevel, telemetry.env));
  const ends = Promise.all(children.map((child) => once(child, 'exit')));
  const stop = stopper(children);
  try {
    await Promise.all(children.map((child, index) => ready(child, names[index] ?? '')));
  } catch (error) {
    const wasStopping = stop.isStopping();
    stop();
    await ends;
    if (wasStopping) return;
    throw error;
  }
  process.stdout.write(`${introduction(members, children, telemetry.line)}\n`);
  for (const [index, child] of children.entries())
    child.once('exit', () => stop.isStopping() || say(`${names[index]} has ended; the others go on`));
  await ends;
}

async function placeMembers(http: ListenAddress, grpc: ListenAddress): Promise<Member[]> {
  const httpPorts = await choosePorts(portsFor('--http', http));
  const grpcPorts = await choosePorts(portsFor('--grpc', grpc));
  return names.map((name, index) => ({
    name,
    http: { ...http, port: httpPorts[index] ?? 0 },
    grpc: { ...grpc, port: grpcPorts[index] ?? 0 },
  }));
}

function portsFor(flag: string, first: ListenAddress): NamedPort[] {
  return names.map((name, index) => ({
    flag,
    name,
    host: first.host,
    port: first.port === 0 ? 0 : first.port + index,
  }));
}

function startMember(
  member: Member,
  members: readonly Member[],
  logLevel: string,
  env: NodeJS.ProcessEnv,
): ChildProcess {
  // Over HTTP a service answers on any port that is asked for; it has only one.
  const routes = members.flatMap(({ name, http, grpc }) => [
    `${name}:${defaultPorts.grpc}:${dialHost(grpc)}:${grpc.port}`,
    `${name}:${grpc.port}:${dialHost(grpc)}:${grpc.port}`,
    `${name}::${dialHost(http)}:${http.port}`,
  ]);
  const args = [
    ...['serve', '--name', member.name, '--pod', `${member.name}-1`, '--log-level', logLevel],
    ...['--http', formatAddress(member.http), '--grpc', formatAddress(member.grpc)],
    ...routes.flatMap((route) => ['--connect-to', route]),
  ];
  const main = fileURLToPath(new URL(`./main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));
  return spawn(process.execPath, [...process.execArgv, main, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env,
  });
}

/** A service that listens everywhere, or on both addresses of localhost, is dialled on loopback. */
function dialHost({ host }: ListenAddress): string {
  if (host === '' || host === '0.0.0.0' || host === 'localhost') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Resolves when the service listens; rejects when it ends before. */
async function ready(child: ChildProcess, name: string): Promise<void> {
  const stop = new AbortController();
  try {
    await Promise.race([
      once(child, 'message', { signal: stop.signal }) as Promise<[ReadyMessage]>,
      once(child, 'exit', { signal: stop.signal }).then(([code]) => {
        throw new MeshmockError('usage', `${name} did not start (exit code ${code}): what it wrote stands above`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}

/** Ends all services together, when called or at the first signal; a later one does not wait. */
function stopper(children: readonly ChildProcess[]): { (): void; isStopping(): boolean } {
  let stoppingSince: number | undefined;
  const stop = (): void => {
    const isLater = stoppingSince !== undefined && performance.now() - stoppingSince > sameSignalMs;
    stoppingSince ??= performance.now();
    for (const child of children) {
      child.kill(isLater ? 'SIGKILL' : 'SIGTERM');
      // One that is stopped (SIGSTOP) has to be woken to end.
      child.kill('SIGCONT');
    }
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return Object.assign(stop, { isStopping: () => stoppingSince !== undefined });
}

function say(line: string): void {
  process.stderr.write(`meshmock: ${line}\n`);
}

/** Spans go where the environment says; else to a collector on this machine, if one listens. */
async function chooseTelemetry(): Promise<{ env: NodeJS.ProcessEnv; line: string }> {
  // Each service has its own name.
  const { OTEL_SERVICE_NAME: _one, ...env } = process.env;
  if (wantsSpans(env)) return { env, line: 'Spans go where the OTEL_* variables say.' };
  if (env.OTEL_SDK_DISABLED !== undefined || env.OTEL_TRACES_EXPORTER !== undefined) {
    return { env, line: 'No spans: an OTEL_* variable says so.' };
  }
  if (!(await listens(otlpPort))) {
    return {
      env,
      line: `No spans: nothing listens for OTLP at localhost:${otlpPort}. Start a Jaeger, then this again.`,
    };
  }
  const endpoint = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpPort}`,
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  };
  return {
    env: { ...env, ...endpoint },
    line: `Spans go to localhost:${otlpPort}. With Jaeger, look at http://localhost:16686/trace/ and the traceId of an answer.`,
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(500) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function introduction(members: readonly Member[], children: readonly ChildProcess[], telemetryLine: string): string {
  const shown = (address: ListenAddress): string => `localhost:${address.port}`;
  const entry = shown(members[0]?.http ?? { host: '', port: 0 });
  const grpcEntry = shown(members[0]?.grpc ?? { host: '', port: 0 });
  return [
    ...members.map(
      ({ name, http, grpc }, index) =>
        `${name.padEnd(10)}http ${shown(http)}  grpc ${shown(grpc)}  pid ${children[index]?.pid}`,
    ),
    '',
    'Try:',
    `  curl -g '${entry}/@service1/hello'`,
    `  curl -g '${entry}/@service1|service2/@service3/hello' -H 'Accept: text/plain'`,
    `  curl -g '${entry}/@service1[end-user=jason],service2/hello'`,
    `  curl -g '${entry}/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello'`,
    `  grpcurl -plaintext -d '{"path":"/@service1/@service2/"}' ${grpcEntry} ${callMethod}`,
    '',
    telemetryLine,
    'Ctrl-C ends it all.',
  ].join('\n');
}
