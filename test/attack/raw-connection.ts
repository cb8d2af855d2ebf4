import net from 'node:net';

/** Connection on which a test sends any bytes. */
export interface RawConnection extends Disposable {
  readonly socket: net.Socket;
  /** Text that has arrived. */
  readonly received: string;
  readonly isClosed: boolean;
  send(bytes: string | Buffer): void;
  /** Waits until the other side closes the connection, and returns all that has arrived. */
  closed(): Promise<string>;
}

/** Opens a connection. If it does not read, the bytes for it stay at the other side. */
export async function connect(port: number, { reads = true } = {}): Promise<RawConnection> {
  const socket = net.connect(port, '127.0.0.1');
  let received = '';
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const close = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  if (reads)
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
  return {
    socket,
    get received() {
      return received;
    },
    get isClosed() {
      return socket.destroyed;
    },
    send: (bytes) => void socket.write(bytes),
    async closed() {
      await close;
      return received;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Returns an HTTP request without a body. */
export function httpRequest(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'host: a', 'accept: application/json', ...headers, '', ''].join('\r\n');
}

/** Returns the statuses of the responses in a text, in their order. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
