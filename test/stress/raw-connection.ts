import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Steps of a client that does what it wants with a connection. */
export type Step =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  | { readonly kind: 'pause'; readonly ms: number }
  /** Closes the client's side. */
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' };

/** End of a connection, as the client sees it. */
export interface Ending {
  readonly received: Buffer;
  /** `hang` if the connection was still open at the end of the time. */
  readonly kind: 'closed' | 'reset' | 'refused' | 'hang';
}

const maxReceivedBytes = 1_000_000;

/**
 * Opens a connection, takes the steps, and waits until the service closes the connection.
 *
 * @param maxMs maximum time after the last step, in milliseconds
 */
export async function connectAndSend(port: number, steps: readonly Step[], maxMs: number): Promise<Ending> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise, resolve } = Promise.withResolvers<Ending['kind']>();
  socket.on('data', (chunk: Buffer) => {
    if (size < maxReceivedBytes) chunks.push(chunk);
    size += chunk.length;
  });
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'reset'));
  socket.once('close', () => resolve('closed'));
  await takeSteps(socket, steps);
  const timer = setTimeout(() => resolve('hang'), maxMs);
  const kind = await promise;
  clearTimeout(timer);
  socket.destroy();
  return { received: Buffer.concat(chunks), kind };
}

/**
 * Opens a connection, takes the steps, and checks that the service closes the connection in time.
 *
 * @param maxMs maximum time after the last step, in milliseconds
 */
export async function expectEnd(port: number, steps: readonly Step[], maxMs: number): Promise<void> {
  const { kind, received } = await connectAndSend(port, steps, maxMs);
  if (kind !== 'hang' && kind !== 'refused') return;
  const sent = steps.flatMap((step) => (step.kind === 'send' ? [step.bytes] : []));
  throw new Error(`${kind} after ${shown(Buffer.concat(sent))}, received ${shown(received)}`);
}

/** Takes steps on a connection, until the other side closes it. */
export async function takeSteps(socket: net.Socket, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return;
    switch (step.kind) {
      case 'send':
        socket.write(step.bytes);
        break;
      case 'pause':
        await sleep(step.ms);
        break;
      case 'end':
        socket.end();
        break;
      case 'reset':
        socket.resetAndDestroy();
        break;
    }
  }
}

/** Returns steps that send bytes in random pieces, with short pauses between some of them. */
export function inPieces(bytes: Buffer, cuts: readonly number[]): Step[] {
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).flatMap((end, index): Step[] => {
    const piece = bytes.subarray(places[index], end);
    return [
      { kind: 'send', bytes: piece },
      { kind: 'pause', ms: index % 2 },
    ];
  });
}

/** Formats bytes for a message, so that the case can be repeated. */
export function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 2000).toString('latin1'));
}
