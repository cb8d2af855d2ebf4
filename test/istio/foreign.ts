import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeAddress } from '../../src/istio/network/addresses.ts';

/** Addresses of the foreign servers in a local mesh. A foreign server is one that is not a meshmock. */
export const foreignAddress = { host: nodeAddress, http: 8080, grpc: 9090 } as const;

/** Starts the foreign servers in the network of the local mesh that this process has started. */
export async function startForeign(): Promise<AsyncDisposable> {
  const server = fileURLToPath(new URL('./foreign-server.ts', import.meta.url));
  const { host, http, grpc } = foreignAddress;
  const network = `--net=/proc/${meshProcess()}/ns/net`;
  const child: ChildProcess = spawn('nsenter', [network, process.execPath, server, host, `${http}`, `${grpc}`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  await Promise.race([
    once(child, 'message'),
    exit.then(() => Promise.reject(new Error('the foreign servers did not start'))),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Returns the id of the child process that is in another network namespace. */
function meshProcess(): string {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  const ownNetwork = readlinkSync('/proc/self/ns/net');
  const found = children.find((pid) => readlinkSync(`/proc/${pid}/ns/net`) !== ownNetwork);
  if (found === undefined) throw new Error('this process has started no mesh');
  return found;
}
