import net from 'node:net';
import type { OpenLane } from './load.ts';

/**
 * Opens a connection of HTTP/1.1 that sends one request at a time. It reads as little of an answer as it can: a client
 * that costs more than the server would measure itself.
 */
export const openHttpLane: OpenLane = ({ port, path }, { onAnswer, onClosed }) => {
  const request = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: application/json\r\n\r\n`;
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let sentAt = 0;
  let isBusy = false;
  let status = 0;
  /** Bytes of the answer that are still to come, or undefined until its headers are complete. */
  let missing: number | undefined;
  let head = '';
  socket.on('data', (chunk: Buffer) => {
    let body = chunk.length;
    if (missing === undefined) {
      const text = head + chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) {
        head = text;
        return;
      }
      status = Number(text.slice(9, 12));
      missing = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      body = text.length - end - 4;
    }
    missing -= body;
    if (missing > 0) return;
    missing = undefined;
    head = '';
    isBusy = false;
    onAnswer(status === 200 ? 'accepted' : status === 503 ? 'refused' : 'failed', performance.now() - sentAt);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    onClosed(isBusy ? 1 : 0);
    isBusy = true;
  });
  return {
    get free() {
      return isBusy ? 0 : 1;
    },
    send() {
      isBusy = true;
      sentAt = performance.now();
      socket.write(request);
    },
    close: () => socket.destroy(),
  };
};
