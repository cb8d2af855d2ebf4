import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

/** A port of this machine that leads to a pod. */
export interface PortForward extends AsyncDisposable {
  /** `localhost:PORT` */
  readonly host: string;
}

/**
 * Starts a `kubectl port-forward` to a port that it chooses, and gives that one on this machine.
 *
 * @param handOver makes the connections to a listener go to that port
 */
export async function startPortForward(
  [file = '', ...args]: readonly string[],
  handOver: (listener: Server, port: number) => Promise<void>,
): Promise<PortForward> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = exited.then(([code]) => {
    throw new Error(`${[file, ...args].join(' ')} ended with ${code}: ${said}`);
  });
  ended.catch(() => {});
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
  const port = Number(/^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  // What it says of each connection is read, or it would stop.
  child.stdout.resume();
  const listener = createServer().listen(0, 'localhost');
  await once(listener, 'listening');
  const address = listener.address() as AddressInfo;
  await handOver(listener, port);
  // It is the node's from now on.
  listener.close();
  return {
    host: `localhost:${address.port}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
