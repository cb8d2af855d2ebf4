import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** A port that something will listen on, and the words to complain with if it cannot. */
export interface NamedPort {
  readonly flag: string;
  readonly name: string;
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
}

/**
 * Finds out which ports will be used: those asked for if they are free, free ones for 0.
 *
 * @throws MeshmockError `usage` that names the port and the flag
 */
export async function choosePorts(ports: readonly NamedPort[]): Promise<number[]> {
  // All are held until the last is found, or a free one might be found twice.
  const held: Server[] = [];
  try {
    for (const port of ports) held.push(await hold(port));
    return held.map(portOf);
  } finally {
    await Promise.all(held.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function hold({ flag, name, host, port }: NamedPort): Promise<Server> {
  if (port > 65_535) throw new MeshmockError('usage', `there is no port ${port} for ${name}: begin lower with ${flag}`);
  const server = createServer();
  server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const other = `${host}:${port + 10_000 > 65_535 ? 0 : port + 10_000}`;
    throw new MeshmockError(
      'usage',
      code === 'EADDRINUSE'
        ? `port ${port}, for ${name}, is taken: begin elsewhere with ${flag}, such as ${flag} ${other}`
        : `${name} cannot listen on ${host}:${port} (${flag}): ${message}`,
    );
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
