import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { Entry } from './entries.ts';
import { entryId } from './messages.ts';

/** Where entries are reached from this machine. */
export interface MachinePort {
  readonly entry: Entry;
  readonly host: string;
  readonly port: number;
}

/** Port 0 is any free one, for each. */
interface FirstPort {
  readonly host: string;
  readonly port: number;
}

export interface FirstPorts {
  readonly http: FirstPort;
  readonly grpc: FirstPort;
  readonly jaeger: FirstPort;
}

/** Listens on this machine for each entry of a mesh, HTTP and gRPC each from a port on. */
export class MachinePorts {
  private readonly first: FirstPorts;
  private readonly used = { http: 0, grpc: 0, jaeger: 0 };
  /** Those of entries that have gone stay open for when they come back. */
  private readonly ports = new Map<string, MachinePort>();
  /** The entries that there are, by their names in messages. */
  private present: readonly string[] = [];

  constructor(first: FirstPorts) {
    this.first = first;
  }

  /** Where the entries are that there are now. */
  get all(): readonly MachinePort[] {
    return this.present.flatMap((id) => this.ports.get(id) ?? []);
  }

  /**
   * Listens for those that have no port yet of the entries that there are from now on.
   *
   * @param isFirst a taken port is an error only then: later it is any free one
   * @returns the listening servers by the entries' names in messages
   * @throws MeshmockError `machine`
   */
  async listenFor(entries: readonly Entry[], isFirst: boolean): Promise<Map<string, Server>> {
    const listeners = new Map<string, Server>();
    this.present = entries.map(entryId);
    try {
      for (const entry of entries) {
        if (this.ports.has(entryId(entry))) continue;
        listeners.set(entryId(entry), await this.listenForOne(entry, isFirst));
      }
    } catch (error) {
      // An open listener would keep this process alive.
      for (const listener of listeners.values()) listener.close();
      throw error;
    }
    return listeners;
  }

  private async listenForOne(entry: Entry, isFirst: boolean): Promise<Server> {
    const which = entry.kind === 'jaeger' ? 'jaeger' : entry.protocol;
    const { host, port } = this.first[which];
    const wanted = port === 0 ? 0 : port + this.used[which]++;
    const listener = await listen(host, wanted, isFirst ? `--${which}` : undefined, entry.name);
    const address = listener.address();
    const bound = typeof address === 'object' ? (address?.port ?? 0) : 0;
    this.ports.set(entryId(entry), { entry, host, port: bound });
    return listener;
  }
}

/** @param flag to complain with; without it a taken port is none */
async function listen(host: string, port: number, flag: string | undefined, name: string): Promise<Server> {
  if (port > 65_535 && flag === undefined) return listen(host, 0, flag, name);
  if (port > 65_535)
    throw new MeshmockError('machine', `there is no port ${port} for ${name}: begin lower with ${flag}`);
  const server = createServer();
  server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (flag === undefined) return listen(host, 0, '--http', name);
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on: ${message}`;
    throw new MeshmockError(
      'machine',
      `port ${port}, for ${name}, ${problem}: begin elsewhere with ${flag}, such as ${flag} ${host}:0 for any free one`,
    );
  }
}
