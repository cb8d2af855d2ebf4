import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { ErrorCode } from '../../error/error-code.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';

/** Port to listen on, with the names for an error. */
export interface NamedPort {
  readonly flag: string;
  readonly name: string;
  readonly host: string;
  /** Port number; 0 means any free port. */
  readonly port: number;
}

/**
 * Lowest port that 0 can become, and the number of ports above it. The kernel takes the ports of its own choice, such as
 * those of outgoing connections, from 32768 on (Linux, `ip_local_port_range`) or 49152 on (macOS). So none of these
 * connections takes a port between this choice and the start of its service.
 */
const lowestFreePort = 10_000;
const freePorts = 22_000;
/** Ports between the first candidates of processes with consecutive ids: meshes that start together do not compete. */
const portsPerProcess = 64;

/**
 * Chooses ports: those that are wanted, if they are free, and free ports for 0.
 *
 * @throws MeshmockError that names the port and the flag: `conflict` if it is taken, `machine` if this machine refuses it,
 * else `usage`
 */
export async function choosePorts(ports: readonly NamedPort[]): Promise<number[]> {
  // All ports are held until the last one is found, so that no free port is found twice.
  const held: Server[] = [];
  try {
    let next = process.pid * portsPerProcess;
    for (const wanted of ports) {
      if (wanted.port !== 0) held.push(await hold(wanted));
      else held.push(await holdFree(wanted, () => lowestFreePort + (next++ % freePorts)));
    }
    return held.map(portOf);
  } finally {
    await Promise.all(held.map((server) => server[Symbol.asyncDispose]()));
  }
}

/** Holds the first candidate that is free. */
async function holdFree(wanted: NamedPort, nextCandidate: () => number): Promise<Server> {
  for (let tries = 1; ; tries++) {
    try {
      return await hold({ ...wanted, port: nextCandidate() });
    } catch (error) {
      const isTaken = error instanceof MeshmockError && error.code === 'conflict';
      if (!isTaken || tries === freePorts) throw error;
    }
  }
}

async function hold({ flag, name, host, port }: NamedPort): Promise<Server> {
  if (port > 65_535)
    throw new MeshmockError('usage', `no port is left for ${name} (${port}): choose a lower first port with ${flag}`);
  const server = createServer();
  server.listen({ port, exclusive: true, ...optional('host', host || undefined) });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const other = `${host}:${port + 10_000 > 65_535 ? 0 : port + 10_000}`;
    if (code === 'EADDRINUSE')
      throw new MeshmockError(
        'conflict',
        `port ${port} for ${name} is taken: choose another first port with ${flag}, such as ${flag} ${other}`,
      );
    const reason: ErrorCode = code === 'EACCES' ? 'machine' : 'usage';
    throw new MeshmockError(reason, `${name} cannot listen on ${host}:${port} (${flag}): ${message}`);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
