import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type Entry, entryId } from '../node/entries.ts';

/** Entry of a mesh, with the address of this machine that leads to it. */
export interface MachinePort {
  readonly entry: Entry;
  readonly host: string;
  readonly port: number;
}

/** Address for the first entry; the next entries get the next ports. With port 0, each entry gets any free port. */
interface FirstPort {
  readonly host: string;
  readonly port: number;
}

/** First addresses for the entries of a mesh, by protocol. */
export interface FirstPorts {
  readonly http: FirstPort;
  readonly grpc: FirstPort;
  readonly jaeger: FirstPort;
  readonly metrics: FirstPort;
  /** Address of the API server. */
  readonly kubernetes: FirstPort;
}

/** Ports of this machine that lead to the entries of a mesh. */
export class MachinePorts {
  private readonly first: FirstPorts;
  private readonly used = { http: 0, grpc: 0, jaeger: 0, metrics: 0, kubernetes: 0 };
  /** Ports by entry id. Ports of removed entries stay open, in case the entry comes back. */
  private readonly ports = new Map<string, MachinePort>();
  /** Ids of the current entries. */
  private currentIds: readonly string[] = [];

  constructor(first: FirstPorts) {
    this.first = first;
  }

  /** Ports of the current entries. */
  get all(): readonly MachinePort[] {
    return this.currentIds.flatMap((id) => this.ports.get(id) ?? []);
  }

  /**
   * Sets the current entries, and listens for each of them that has no port yet.
   *
   * @param isStart true to report a taken port as an error; later, any free port is used instead
   * @returns the new listeners by entry id
   * @throws MeshmockError `conflict` if a port is taken, `machine` if this machine cannot listen on it
   */
  async listenFor(entries: readonly Entry[], isStart: boolean): Promise<Map<string, Server>> {
    const listeners = new Map<string, Server>();
    this.currentIds = entries.map(entryId);
    try {
      for (const entry of entries) {
        if (this.ports.has(entryId(entry))) continue;
        listeners.set(entryId(entry), await this.listenForOne(entry, isStart));
      }
    } catch (error) {
      // An open listener would keep this process alive.
      for (const listener of listeners.values()) listener.close();
      throw error;
    }
    return listeners;
  }

  private async listenForOne(entry: Entry, isStart: boolean): Promise<Server> {
    const portKind = portKindOf(entry);
    const { host, port } = this.first[portKind];
    const wanted = port === 0 ? 0 : port + this.used[portKind]++;
    const listener = isStart
      ? await listenOrThrow(host, wanted, `--${portKind}`, entry.name)
      : await listenOnFreePort(host, wanted);
    const address = listener.address();
    const bound = typeof address === 'object' ? (address?.port ?? 0) : 0;
    this.ports.set(entryId(entry), { entry, host, port: bound });
    return listener;
  }
}

function portKindOf({ kind, protocol }: Entry): keyof FirstPorts {
  switch (kind) {
    case 'service':
    case 'workload':
    case 'gateway':
      return protocol;
    case 'jaeger':
    case 'metrics':
    case 'kubernetes':
      return kind;
  }
}

const maxPort = 65_535;

/**
 * Listens on a port.
 *
 * @param flag flag that sets the first port
 * @param name name of the entry in messages
 */
async function listenOrThrow(host: string, port: number, flag: string, name: string): Promise<Server> {
  if (port > maxPort)
    throw new MeshmockError(
      'conflict',
      `no port is left for ${name} (${port}): choose a lower first port with ${flag}`,
    );
  try {
    return await listen(host, port);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const advice = `choose another first port with ${flag}, or ${flag} ${host}:0 for any free ports`;
    throw code === 'EADDRINUSE'
      ? new MeshmockError('conflict', `port ${port} for ${name} is taken: ${advice}`)
      : new MeshmockError('machine', `cannot listen on port ${port} for ${name} (${message}): ${advice}`);
  }
}

/** Listens on the wanted port, or on any free one if that is not possible. */
async function listenOnFreePort(host: string, wanted: number): Promise<Server> {
  if (wanted > maxPort) return listen(host, 0);
  return listen(host, wanted).catch(() => listen(host, 0));
}

async function listen(host: string, port: number): Promise<Server> {
  // Only the controller answers. A connection that comes before it listens must not wait for ever.
  const server = createServer((socket) => socket.resetAndDestroy());
  server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) });
  await once(server, 'listening');
  return server;
}
