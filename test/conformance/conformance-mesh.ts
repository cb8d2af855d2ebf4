import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MeshHost } from '../../src/istio/host/mesh-host.ts';
import { nodeAddress } from '../../src/istio/network/addresses.ts';

/** Local mesh without workloads, in which the conformance suite runs. */
export interface ConformanceMesh extends AsyncDisposable {
  /** Path of a kubeconfig that works in the network of the mesh. */
  readonly kubeconfig: string;
  /** Returns the command line that runs a command in the network of the mesh, with the DNS of the cluster. */
  command(command: readonly string[]): string[];
}

/** Starts a local mesh for the suite, on free ports. */
export async function startConformanceMesh(): Promise<ConformanceMesh> {
  const signal = new AbortController().signal;
  const anyPort = { host: 'localhost', port: 0 };
  const { mesh } = await MeshHost.start(
    {
      mesh: `conformance-${process.pid}`,
      sources: [],
      namespace: 'default',
      fill: false,
      logRoutes: false,
      serveArguments: ['--log-level=warn'],
      ports: { http: anyPort, grpc: anyPort, jaeger: anyPort, metrics: anyPort, kubernetes: anyPort },
    },
    signal,
  );
  const resolvConf = path.join(mesh.folder, 'suite-resolv.conf');
  writeFileSync(resolvConf, `nameserver ${nodeAddress}\n`);
  const network = `--net=/proc/${meshProcess()}/ns/net`;
  const mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return {
    kubeconfig: path.join(mesh.folder, 'control-plane', 'kubeconfig'),
    command: (command) => ['nsenter', network, 'unshare', '--mount', 'sh', '-c', mount, resolvConf, ...command],
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
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
