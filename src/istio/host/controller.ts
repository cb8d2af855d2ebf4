/**
 * The controller process of a local mesh. `meshmock istio up` starts it as the first process of new namespaces, so all
 * processes of the mesh end with it. It runs the mesh, answers the control socket, and forwards connections from the
 * machine into the mesh.
 */
import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import type { ErrorCode } from '../../error/error-code.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { kubeconfigFor } from '../control-plane/control-plane.ts';
import type { ApplyReport, LocalMesh } from '../local-mesh/local-mesh.ts';
import { startLocalMesh } from '../local-mesh/start-local-mesh.ts';
import { type Entry, entryId } from '../node/entries.ts';
import type { PodProgress, PodStatus } from '../node/pod-status.ts';
import { namespacesFolder } from '../process/program.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { controlSocket } from './control-client.ts';
import { Forward } from './forward.ts';
import type { MachinePort } from './machine-ports.ts';
import type { ControlAnswer, ControlRequest, FromController, StartOptions, ToController } from './messages.ts';
import { StallTimeout } from './stall-timeout.ts';

const ended = new AbortController();
const forwards = new Map<string, Forward>();
const ports: MachinePort[] = [];
let entries: readonly Entry[] = [];
let pageUrl: string | undefined;
/** Number of the last published list of entries, and of the last one for which the host process listens. */
let publishedVersion = 0;
let confirmedVersion = 0;
/** Emits `advanced` when a pod has become ready. */
const progressEvents = new EventEmitter();
/** Emits `confirmed` when the host process listens for a published list. */
const confirmations = new EventEmitter();

process.on('message', (message: ToController, handle) => {
  switch (message.kind) {
    case 'start':
      start(message.options).catch((error: unknown) => fail(error));
      return;
    case 'listener':
      forwards.set(message.id, new Forward(handle as Server, (problem) => reportRefusal(message.port, problem)));
      ports.push(message.port);
      updateForwards();
      return;
    case 'listening':
      confirmedVersion = message.version;
      confirmations.emit('confirmed');
      return;
  }
});
// The host process has ended. This process is the first of its namespace, so every process in it ends too.
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

async function start(options: StartOptions): Promise<void> {
  const { folder } = options;
  pageUrl = options.pageUrl;
  mkdirSync(path.join(folder, 'logs'), { recursive: true });
  const tools = mountTools(options.tools, folder);
  const starting = startLocalMesh({ ...options, tools, onEntries: publish, onProgress }, ended.signal);
  const mesh = starting.then((started) => started.mesh);
  mesh.catch(() => {});
  await listenForRequests(path.join(folder, controlSocket), mesh);
  const { report } = await starting;
  const started = await mesh;
  started.onProgramExit = (name) => send({ kind: 'program-ended', name });
  send({ kind: 'started', report, pods: podStatuses(started) });
}

/** Runs actions one after another: each waits until the one before is in effect. */
type Queue = <T>(action: () => Promise<T>) => Promise<T>;

/** @param mesh resolves when the mesh is up. All requests but `down` wait for it. */
async function listenForRequests(socket: string, mesh: Promise<LocalMesh>): Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  const enqueue: Queue = (action) => {
    const result = last.then(action);
    last = result.catch(() => {});
    return result;
  };
  const server = createServer((request, response) => {
    handle(mesh, request, response, enqueue).catch(() => response.destroy());
  });
  server.listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0o600);
}

async function handle(
  mesh: Promise<LocalMesh>,
  request: IncomingMessage,
  response: ServerResponse,
  enqueue: Queue,
): Promise<void> {
  const controlRequest = (await json(request)) as ControlRequest;
  const answer = await answerTo(mesh, controlRequest, enqueue).catch(
    (error: unknown): ControlAnswer => ({ kind: 'failed', code: codeOf(error), message: messageOf(error) }),
  );
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer), () => {
    if (controlRequest.kind === 'down') send({ kind: 'down' });
  });
}

async function answerTo(mesh: Promise<LocalMesh>, request: ControlRequest, enqueue: Queue): Promise<ControlAnswer> {
  switch (request.kind) {
    case 'apply':
    case 'delete':
    case 'wait':
      return { kind: 'applied', report: await enqueue(async () => inEffect(await mesh, request)) };
    case 'set-behaviour': {
      const { node } = await mesh;
      await enqueue(() => node.setBehaviour(request.change, AbortSignal.timeout(changeTimeoutMs)));
      return { kind: 'done' };
    }
    case 'set-readiness': {
      const { change } = request;
      await enqueue(async () => (await mesh).setReadiness(change, AbortSignal.timeout(changeTimeoutMs)));
      return { kind: 'done' };
    }
    case 'status':
      return {
        kind: 'status',
        pods: podStatuses(await mesh),
        ports: ports.filter(isCurrent),
        ...optional('pageUrl', pageUrl),
      };
    case 'objects':
      return { kind: 'objects', objects: (await mesh).objects };
    case 'stats':
      return { kind: 'stats', stats: await (await mesh).node.stats(ended.signal) };
    case 'dumps':
      return { kind: 'dumps', pods: await (await mesh).node.writeDumps(request, ended.signal) };
    case 'observe':
      return { kind: 'observed', observation: await (await mesh).observe(request, ended.signal) };
    case 'kubeconfig':
      return { kind: 'kubeconfig', text: kubeconfigFor((await mesh).server, apiUrl()) };
    case 'down':
      ended.abort();
      return { kind: 'done' };
  }
}

/** Returns the URL of the API server on this machine. */
function apiUrl(): string {
  const port = ports.find(({ entry }) => entry.kind === 'kubernetes');
  if (port === undefined) throw new MeshmockError('internal', 'the API server has no port on this machine');
  // The certificate is for these names.
  const host = ['', '0.0.0.0', '::'].includes(port.host) ? 'localhost' : port.host;
  return `https://${host}:${port.port}`;
}

/** Longer than the start of a pod may take. */
const changeTimeoutMs = 90_000;

function onProgress(progress: PodProgress): void {
  send({ kind: 'progress', progress });
  progressEvents.emit('advanced');
}

type ChangeRequest = Extract<ControlRequest, { readonly kind: 'apply' | 'delete' | 'wait' }>;

/** Makes a change, if the request is one, and waits until it is in effect. */
async function inEffect(mesh: LocalMesh, request: ChangeRequest): Promise<ApplyReport> {
  using timeout = new StallTimeout(changeTimeoutMs);
  const { signal } = timeout;
  progressEvents.on('advanced', () => timeout.advance());
  try {
    const report = await change(mesh, request, signal);
    await allEntriesListening(signal);
    return report;
  } catch (error) {
    if (!signal.aborted) throw error;
    const { pods, ready } = mesh.node.progress;
    throw new MeshmockError(
      'timeout',
      `the change was not in effect, and nothing advanced for ${changeTimeoutMs / 1000} s: ${ready} of ${pods} pods are ready`,
    );
  } finally {
    progressEvents.removeAllListeners('advanced');
  }
}

function change(mesh: LocalMesh, request: ChangeRequest, signal: AbortSignal): Promise<ApplyReport> {
  switch (request.kind) {
    case 'apply':
      return mesh.apply(request.sources, signal, request);
    case 'delete':
      return mesh.delete(request.sources, signal, request.namespace);
    case 'wait':
      return mesh.inEffect(signal);
  }
}

/** Reports whether a port leads to a current entry. Ports of removed entries stay open. */
function isCurrent({ entry }: MachinePort): boolean {
  return entries.some((one) => entryId(one) === entryId(entry));
}

function podStatuses(mesh: LocalMesh): PodStatus[] {
  return mesh.node.all.map(({ plan, address }) => ({
    name: plan.name,
    namespace: plan.namespace,
    service: plan.service,
    version: plan.version,
    address,
    role: plan.role,
    hasSidecar: plan.hasSidecar,
    http: plan.ports.http,
    grpc: plan.ports.grpc,
    tcp: plan.ports.tcp,
  }));
}

/** Sends the current entries to the host process, and forwards their connections to their targets. */
function publish(currentEntries: readonly Entry[]): void {
  entries = currentEntries;
  send({ kind: 'entries', entries, version: ++publishedVersion });
  updateForwards();
}

/** Waits until the host process listens for each entry, so that a caller of `apply` can use a new gateway at once. */
async function allEntriesListening(signal: AbortSignal): Promise<void> {
  while (confirmedVersion < publishedVersion) await once(confirmations, 'confirmed', { signal });
}

function updateForwards(): void {
  for (const [id, forward] of forwards)
    forward.setTargets(entries.find((entry) => entryId(entry) === id)?.targets ?? []);
}

const reportedRefusals = new Set<string>();

/** Says once why the connections of an entry are reset. Their clients only see the reset. */
function reportRefusal({ entry }: MachinePort, problem: string): void {
  const name = entry.port === undefined ? entry.name : `${entry.name}:${entry.port}`;
  const text = `meshmock: a connection to ${name} was reset: ${problem}\n`;
  if (reportedRefusals.has(text)) return;
  reportedRefusals.add(text);
  process.stderr.write(text);
}

/** Mounts the tools into the mesh's folder, because the proxy's user cannot read the home of root. */
function mountTools(tools: InstalledTools, folder: string): InstalledTools {
  // This mount keeps the names of network namespaces visible only to this process and its children.
  mkdirSync(namespacesFolder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', namespacesFolder]);
  const mounted = (file: string): string => {
    const target = path.join(folder, 'tools', path.basename(path.dirname(file)));
    mkdirSync(target, { recursive: true });
    execFileSync('mount', ['--bind', path.dirname(file), target]);
    return path.join(target, path.basename(file));
  };
  const pilotAgent = mounted(tools.pilotAgent);
  const bootstrapTemplate = path.join(path.dirname(pilotAgent), path.basename(tools.bootstrapTemplate));
  return { ...tools, pilotAgent, bootstrapTemplate, envoy: mounted(tools.envoy) };
}

function send(message: FromController): void {
  if (process.connected) process.send?.(message, () => {});
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof MeshmockError ? error.code : 'internal';
}

/** Returns the message of an expected error, and the stack of any other. */
function messageOf(error: unknown): string {
  if (error instanceof MeshmockError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(error: unknown): void {
  const message: FromController = { kind: 'failed', code: codeOf(error), message: messageOf(error) };
  process.send?.(message, () => process.exit(1));
}
