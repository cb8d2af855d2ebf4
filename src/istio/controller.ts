/**
 * The process in a bed's own namespaces: `meshmock istio up` starts it as their first process, so that all of it ends
 * with it. It keeps the bed, answers the control socket, and hands connections from the machine on into the mesh.
 */
import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { MeshmockError } from '../error/meshmock-error.ts';
import { controlSocket } from './control-client.ts';
import type { Entry } from './entries.ts';
import { Forward } from './forward.ts';
import { LocalMesh } from './local-mesh.ts';
import type { MachinePort } from './machine-ports.ts';
import {
  type ControlAnswer,
  type ControlRequest,
  entryId,
  type FromController,
  type PodStatus,
  type StartMessage,
  type ToController,
} from './messages.ts';
import { namespacesFolder } from './program.ts';
import type { InstalledTools } from './tools.ts';

const ended = new AbortController();
const forwards = new Map<string, Forward>();
const ports: MachinePort[] = [];
let entries: readonly Entry[] = [];
/** How often entries were published, and which of these the machine has heard of. */
let turn = 0;
let heardTurn = 0;
/** Tells when the machine has heard of some. */
const arrivals = new EventEmitter();

process.on('message', (message: ToController, handle) => {
  switch (message.kind) {
    case 'start':
      start(message.start).catch((error: unknown) => fail(error));
      return;
    case 'listening': {
      forwards.set(message.id, new Forward(handle as Server));
      ports.push(message.port);
      aim();
      return;
    }
    case 'listened':
      heardTurn = message.turn;
      arrivals.emit('listened');
      return;
  }
});
// Whoever started this is gone: with this process, the first of its namespace, everything in it ends.
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

async function start(options: StartMessage): Promise<void> {
  const { folder } = options;
  mkdirSync(path.join(folder, 'logs'), { recursive: true });
  const tools = mountTools(options.tools, folder);
  const starting = LocalMesh.start({ ...options, tools, onEntries: publish }, ended.signal);
  const bed = starting.then((one) => one.bed);
  bed.catch(() => {});
  await listenForCommands(path.join(folder, controlSocket), bed);
  const { report } = await starting;
  const { pods } = await bed;
  pods.onProgramExit = (name) => tell({ kind: 'lost', name });
  tell({ kind: 'started', report, pods: podsOf(await bed) });
}

/** @param bed resolves when the mesh is up: changes wait for that, `down` does not */
async function listenForCommands(socket: string, bed: Promise<LocalMesh>): Promise<void> {
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn: Queue = (action) => {
    const turn = queue.then(action);
    queue = turn.catch(() => {});
    return turn;
  };
  const server = createServer((request, response) => {
    control(bed, request, response, inTurn).catch(() => response.destroy());
  });
  server.listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0o600);
}

/** Does one change after the other: each waits until it is in effect. */
type Queue = <T>(action: () => Promise<T>) => Promise<T>;

async function control(
  bed: Promise<LocalMesh>,
  request: IncomingMessage,
  response: ServerResponse,
  inTurn: Queue,
): Promise<void> {
  const message = (await json(request)) as ControlRequest;
  const answer = await answerTo(bed, message, inTurn).catch(
    (error: unknown): ControlAnswer => ({ ok: false, message: messageOf(error) }),
  );
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer), () => {
    if (message.command === 'down') tell({ kind: 'down' });
  });
}

async function answerTo(
  bed: Promise<LocalMesh>,
  { command, sources, namespace, behaviour }: ControlRequest,
  inTurn: Queue,
): Promise<ControlAnswer> {
  switch (command) {
    case 'apply':
    case 'delete': {
      const report = await inTurn(async () => {
        const late = AbortSignal.timeout(longestChangeMs);
        const made = await (await bed)[command](sources, late, namespace).catch((error: unknown) => {
          throw late.aborted ? new MeshmockError('usage', `not in effect after ${longestChangeMs / 1000} s`) : error;
        });
        await reachable(late);
        return made;
      });
      return { ok: true, report };
    }
    case 'behave': {
      const { pods } = await bed;
      if (behaviour !== undefined) await inTurn(() => pods.behave(behaviour, AbortSignal.timeout(longestChangeMs)));
      return { ok: true };
    }
    case 'status':
      return { ok: true, pods: podsOf(await bed), ports: ports.filter(isOfNow) };
    case 'objects':
      return { ok: true, objects: (await bed).pods.objects };
    case 'stats':
      return { ok: true, stats: await (await bed).pods.stats(ended.signal) };
    case 'down':
      ended.abort();
      return { ok: true };
  }
}

/** Whether an entry is still there: a port that leads nowhere any more stays open for when it comes back. */
function isOfNow({ entry }: MachinePort): boolean {
  return entries.some((one) => entryId(one) === entryId(entry));
}

/** Longer than a pod may take to start. */
const longestChangeMs = 90_000;

function podsOf(bed: LocalMesh): PodStatus[] {
  return bed.pods.all.map(({ plan, address }) => ({
    ...{ name: plan.name, namespace: plan.namespace, service: plan.service, version: plan.version, address },
    ...{ role: plan.role, hasSidecar: plan.hasSidecar, http: plan.ports.http, grpc: plan.ports.grpc },
  }));
}

/** Where the machine's ports lead, as the bed is now. */
function publish(now: readonly Entry[]): void {
  entries = now;
  tell({ kind: 'entries', entries, turn: ++turn });
  aim();
}

/** Resolves when the machine listens for each entry, and for no other: whoever applied a gateway may call it at once. */
async function reachable(signal: AbortSignal): Promise<void> {
  while (heardTurn < turn) await once(arrivals, 'listened', { signal });
}

function aim(): void {
  for (const [id, forward] of forwards) forward.aimAt(entries.find((entry) => entryId(entry) === id)?.targets ?? []);
}

/** The proxy's user may read nothing below root's home: what it runs is seen under the bed's folder, by this mount alone. */
function mountTools(tools: InstalledTools, folder: string): InstalledTools {
  // Names of network namespaces are for this process and its children.
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

function tell(message: FromController): void {
  if (process.connected) process.send?.(message, () => {});
}

function messageOf(error: unknown): string {
  if (error instanceof MeshmockError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(error: unknown): void {
  const isMachine = error instanceof MeshmockError && error.code === 'machine';
  process.send?.({ kind: 'failed', message: messageOf(error), isMachine } satisfies FromController, () =>
    process.exit(1),
  );
}
