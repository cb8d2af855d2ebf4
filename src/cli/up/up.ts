import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { MeshPageServer } from '../../mesh-page/mesh-page-server.ts';
import { parseOptions } from '../../options/options.ts';
import { programFile } from '../../package/package-files.ts';
import { grpcAddressFor, type ListenAddress } from '../../plan/address.ts';
import { callMethod } from '../../reply/reply.ts';
import { serviceReady } from '../../serve/process/service-channel.ts';
import { meshSchema } from '../../serve/settings/mesh-schema.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { endWithNpx, sameSignalMs } from '../process/end-signals.ts';
import { withoutPodSettings } from '../serve/serve-options.ts';
import { type Pod, placePods, routesTo, serveArguments } from './mesh-pods.ts';
import { namedMeshes, readMesh } from './named-meshes.ts';
import { ProcessMesh } from './process-mesh.ts';
import { chooseTelemetry } from './up-telemetry.ts';

const help: HelpText = {
  usage: ['up [OPTIONS] [MESH]'],
  summary: 'Runs a mesh on this machine: each pod is a process, and services call each other by name.',
  about: [
    'MESH is demo (five services; the default), octopus (a proxy and six webservers of two versions), or a YAML file.',
  ],
  schema: meshSchema,
  sections: [
    {
      title: 'A mesh file',
      text: `  services:
    - name: frontend                  # the first one is the entry
    - name: reviews
      behaviour: /~delay=10ms         # also content, upstream, zone, replicas
      versions:
        - version: v1
          replicas: 2
        - version: v2
          behaviour: /~status=503:0.1`,
    },
  ],
  examples: ['meshmock up', 'meshmock up octopus --http localhost:8180', 'meshmock up mesh.yaml --log-level info'],
};

export const upCommand: Command = { help, operands: { words: Object.keys(namedMeshes), arePaths: true }, run: up };

/**
 * Runs a mesh until a signal ends it.
 *
 * @throws MeshmockError `usage`, or `conflict` if a port is taken
 */
export async function up(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(meshSchema, args, process.env);
  const { http, grpc = grpcAddressFor(http) } = values;
  const [name = 'demo', more] = positionals;
  if (more !== undefined) throw new MeshmockError('usage', `unexpected argument "${more}": expected one mesh`);
  const pods = await placePods(readMesh(name), http, grpc);
  const telemetry = await chooseTelemetry(values.traceUrl);
  const env = withoutPodSettings(telemetry.env);
  const routes = routesTo(pods);
  const common = ['--log-level', values.logLevel, ...(values.seed === undefined ? [] : ['--seed', values.seed])];
  const children = pods.map((pod) => startPod(pod, routes, common, env));
  const ends = Promise.all(children.map((child) => once(child, 'exit')));
  let page: MeshPageServer | undefined;
  // The page ends first, so that it does not call the ends of the services changes.
  const stop = stopper(children, () => void page?.[Symbol.asyncDispose]());
  endWithNpx();
  try {
    await Promise.all(children.map((child, index) => ready(child, pods[index]?.title ?? '')));
    page = values.noPage
      ? undefined
      : await startPage(values, new ProcessMesh(path.basename(name), pods, children, telemetry.traces));
  } catch (error) {
    const wasStopping = stop.isStopping();
    stop();
    await ends;
    if (wasStopping) return;
    throw error;
  }
  process.stdout.write(`${introduction(pods, children, [telemetry.line, ...pageLines(page)])}\n`);
  for (const [index, child] of children.entries())
    child.once('exit', () => stop.isStopping() || say(`${pods[index]?.title} has ended; the other services continue`));
  await ends;
  await page?.[Symbol.asyncDispose]();
}

/** Starts the page of the mesh. @throws MeshmockError `conflict` if the address that the user chose is taken */
async function startPage(
  { page, traceUrl }: { readonly page?: ListenAddress | undefined; readonly traceUrl?: string | undefined },
  mesh: ProcessMesh,
): Promise<MeshPageServer> {
  const { MeshPageServer: Server } = await import('../../mesh-page/mesh-page-server.ts');
  return Server.startAt(page, mesh, optional('traceUrl', traceUrl));
}

function pageLines(page: MeshPageServer | undefined): string[] {
  return page === undefined ? [] : [`The mesh in a browser: ${page.url}`];
}

function startPod(
  pod: Pod,
  routes: readonly string[],
  common: readonly string[],
  env: NodeJS.ProcessEnv,
): ChildProcess {
  const args = [...serveArguments(pod), ...common, ...routes.map((route) => `--connect-to=${route}`)];
  return spawn(process.execPath, [...process.execArgv, programFile('cli/main'), ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env,
  });
}

/** Waits until a service listens. @throws MeshmockError `unavailable` if it ends first */
async function ready(child: ChildProcess, name: string): Promise<void> {
  const stop = new AbortController();
  try {
    await Promise.race([
      serviceReady(child, stop.signal),
      once(child, 'exit', { signal: stop.signal }).then(([code]) => {
        throw new MeshmockError('unavailable', `${name} did not start (exit code ${code}); its output is above`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}

/** Returns a function that stops all services, as the first signal does too. A second signal does not wait. */
function stopper(children: readonly ChildProcess[], onStop: () => void): { (): void; isStopping(): boolean } {
  let stoppingSince: number | undefined;
  const stop = (): void => {
    const isLater = stoppingSince !== undefined && performance.now() - stoppingSince > sameSignalMs;
    if (stoppingSince === undefined) onStop();
    stoppingSince ??= performance.now();
    for (const child of children) {
      child.kill(isLater ? 'SIGKILL' : 'SIGTERM');
      // A process that SIGSTOP has stopped must continue before it can end.
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

function introduction(pods: readonly Pod[], children: readonly ChildProcess[], lines: readonly string[]): string {
  const width = Math.max(10, ...pods.map(({ title }) => title.length + 2));
  const [entry] = pods;
  return [
    ...pods.map(
      ({ title, http, grpc }, index) =>
        `${title.padEnd(width)}http localhost:${http.port}  grpc localhost:${grpc.port}  pid ${children[index]?.pid}`,
    ),
    '',
    'Try:',
    ...(entry === undefined ? [] : commandsFor(entry, pods)).map((command) => `  ${command}`),
    '',
    ...lines,
    `Ctrl-C stops the mesh, or kill ${process.pid}.`,
  ].join('\n');
}

/** Returns commands that work on this mesh unchanged. */
function commandsFor(entry: Pod, pods: readonly Pod[]): string[] {
  const at = `localhost:${entry.http.port}`;
  const asText = "-H 'Accept: text/plain'";
  const others = new Set(pods.filter(({ service }) => service !== entry.service).map(({ service }) => service));
  const [first, second = first, third = second] = others;
  if (first === undefined) return [`curl -g '${at}/hello'`];
  const replicated = new Set(pods.filter(({ service, title }) => title !== service).map(({ service }) => service));
  return [
    ...(entry.version.settings.upstream === undefined ? [] : [`curl '${at}/'`]),
    `curl -g '${at}/@${first}/hello'`,
    ...[...replicated].map((service) => `curl -g '${at}/@${service}*60/hello' ${asText}`),
    ...(second === first
      ? []
      : [
          `curl -g '${at}/@${first}|${second}/@grpc:${third}/hello' ${asText}`,
          `curl -g '${at}/@${first}[end-user=jason],${second}/hello'`,
        ]),
    `curl -g '${at}/@${first};retries=2/~status=503:attempt<3/hello' ${asText}`,
    `grpcurl -plaintext -d '{"path":"/@${first}/@${third}/"}' localhost:${entry.grpc.port} ${callMethod}`,
  ];
}
