import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

/** Port of this machine that leads to a pod. */
export interface PortForward extends AsyncDisposable {
  /** `localhost:PORT` */
  readonly host: string;
}

/**
 * Starts `kubectl port-forward` on the node, and opens a port of this machine that leads to the port that it chooses.
 *
 * @param handOver forwards the connections of a listener to a port of the node
 */
export async function startPortForward(
  [file = '', ...args]: readonly string[],
  handOver: (listener: Server, port: number) => Promise<void>,
): Promise<PortForward> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = exited.then(([code]) => {
    throw new Error(`${[file, ...args].join(' ')} ended with ${code}: ${errors}`);
  });
  ended.catch(() => {});
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
  const port = Number(/^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  // kubectl prints a line for each connection, and would block if nothing read it.
  child.stdout.resume();
  const listener = createServer().listen(0, 'localhost');
  await once(listener, 'listening');
  const address = listener.address() as AddressInfo;
  await handOver(listener, port);
  // From now on, only the node accepts its connections.
  listener.close();
  return {
    host: `localhost:${address.port}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
