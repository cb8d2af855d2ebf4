import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { startControlPlane } from '../control-plane/control-plane.ts';
import type { ApiServer } from '../kube-api/api-server.ts';
import { nodeAddress, nodeResolverAddress } from '../network/addresses.ts';
import { waitUntilReady } from '../process/ready.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { meshJaegerReady, startMeshJaeger } from './local-mesh-programs.ts';

/** Programs of a local mesh that do not run in pods. */
export interface MeshPrograms {
  readonly jaeger: ChildProcess;
  /** Process of etcd, the API server and the controllers. */
  readonly apiServer: ChildProcess;
  readonly server: ApiServer;
  /** Path of the file of CoreDNS with the hosts outside the mesh. */
  readonly zoneFile: string;
}

/**
 * Starts the control plane and Jaeger, and waits until both are ready.
 *
 * @param nodeSocket path of the socket at which the node says where its containers are
 * @throws MeshmockError `unavailable` or `timeout` if a program does not become ready
 */
export async function startPrograms(
  { tools, folder }: { readonly tools: InstalledTools; readonly folder: string },
  nodeSocket: string,
  signal: AbortSignal,
): Promise<MeshPrograms> {
  const startJaeger = async (): Promise<ChildProcess> => {
    const jaeger = await startMeshJaeger({ tools, folder }, signal);
    await waitUntilReady(jaeger, meshJaegerReady, signal);
    return jaeger.program;
  };
  const startApiServer = async (): Promise<Omit<MeshPrograms, 'jaeger'>> => {
    const log = path.join(folder, 'logs', 'control-plane.log');
    const own = path.join(folder, 'control-plane');
    const { kube, data } = tools;
    const node = { socket: nodeSocket, resolverAddress: nodeResolverAddress };
    const options = { kube, data, folder: own, address: nodeAddress, node, log };
    const { program, server } = await startControlPlane(options, signal);
    return { apiServer: program, server, zoneFile: path.join(own, 'external.zone') };
  };
  const [jaeger, started] = await Promise.all([startJaeger(), startApiServer()]);
  return { jaeger, ...started };
}
