import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { killGroup, podCommand } from '../process/program.ts';

/** Connects descriptor 3 to the admin port of Envoy, which listens on the loopback of its pod only. */
const connectToAdmin = 'exec 4<>/dev/tcp/127.0.0.1/15000; cat <&4 >&3 & exec cat <&3 >&4';

/**
 * Writes the whole configuration of a pod's Envoy into a file, with the addresses that its clusters have.
 *
 * @param namespace network namespace of the pod
 * @throws MeshmockError `unavailable` if Envoy does not answer
 */
export async function writeProxyDump(namespace: string, file: string, signal: AbortSignal): Promise<void> {
  const [program = '', ...args] = podCommand({ namespace }, ['bash', '-c', connectToAdmin]);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], signal, detached: true });
  // The request reports the end of the program.
  child.on('error', () => {});
  try {
    const response = await answerVia(child, signal);
    if (response.statusCode !== 200) throw new Error(`it answers ${response.statusCode}`);
    await pipeline(response, createWriteStream(file), { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new MeshmockError('unavailable', `Envoy does not show its configuration: ${(error as Error).message}`);
  } finally {
    // Ends both programs that copy bytes.
    killGroup(child);
  }
}

async function answerVia({ stdio }: ChildProcess, signal: AbortSignal): Promise<IncomingMessage> {
  const [, , , connection] = stdio;
  // Node makes one socket for both directions.
  if (!(connection instanceof Duplex)) throw new Error('there is no connection');
  const request = get('http://localhost/config_dump?include_eds', {
    createConnection: () => connection,
    headers: { connection: 'close' },
    signal,
  });
  const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
  return response;
}
