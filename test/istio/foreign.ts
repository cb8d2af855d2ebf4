import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bridgeAddress } from '../../src/istio/network.ts';

/** Where the foreign servers listen in a bed: HTTP/1.1, and gRPC. */
export const foreignAddress = { host: bridgeAddress, http: 8080, grpc: 9090 } as const;

/** Starts servers that are no meshmocks in the network of the bed that this process has brought up. */
export async function startForeign(): Promise<AsyncDisposable> {
  const server = fileURLToPath(new URL('./foreign-server.ts', import.meta.url));
  const { host, http, grpc } = foreignAddress;
  const network = `--net=/proc/${bedProcess()}/ns/net`;
  const child: ChildProcess = spawn('nsenter', [network, process.execPath, server, host, `${http}`, `${grpc}`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  await Promise.race([once(child, 'message'), exit.then(() => Promise.reject(new Error('no foreign server')))]);
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** The child of this process that has a network of its own. */
function bedProcess(): string {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  const own = readlinkSync('/proc/self/ns/net');
  const found = children.find((pid) => readlinkSync(`/proc/${pid}/ns/net`) !== own);
  if (found === undefined) throw new Error('no bed is up');
  return found;
}
