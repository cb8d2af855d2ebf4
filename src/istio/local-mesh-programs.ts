import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Kinds } from './api/kinds.ts';
import { createApiServer } from './api/server.ts';
import type { Store } from './api/store.ts';
import { startIstiod } from './control-plane.ts';
import type { Entry } from './entries.ts';
import { jaegerArguments, jaegerEnv, jaegerReady } from './jaeger.ts';
import { bridgeAddress, createNamespace, istiodAddress, jaegerAddress } from './network.ts';
import { startMetricsEndpoint } from './observe/metrics-endpoint.ts';
import type { MeshPod } from './observe/pod-directory.ts';
import { spawnInPod } from './program.ts';
import type { StartingProgram } from './ready.ts';
import type { InstalledTools } from './tools.ts';

interface ProgramOptions {
  readonly tools: InstalledTools;
  /** Folder of the local mesh. */
  readonly folder: string;
}

/** Starts istiod in its own network namespace, and the server that it uses as Kubernetes API. */
export async function startMeshIstiod(
  {
    tools,
    folder,
    authorityFolder,
    logRoutes,
  }: ProgramOptions & { readonly authorityFolder: string; readonly logRoutes: boolean },
  { store, kinds }: { readonly store: Store; readonly kinds: Kinds },
  signal: AbortSignal,
): Promise<StartingProgram> {
  const api = createApiServer(store, kinds);
  api.listen(0, bridgeAddress);
  await once(api, 'listening');
  const { port: apiPort } = api.address() as AddressInfo;
  const name = 'istiod';
  await createNamespace(name, name, istiodAddress, signal);
  const log = path.join(folder, 'logs', 'istiod.log');
  const program = await startIstiod({
    istiod: tools.istiod,
    folder: path.join(folder, 'istiod'),
    authorityFolder,
    apiPort,
    namespace: name,
    log,
    logRoutes,
  });
  return { program, name, log };
}

const at = (port: number): string => `${jaegerAddress}:${port}`;
const jaegerAddresses = { otlpHttp: at(4318), query: at(16_686), queryGrpc: at(16_685), health: at(13_133) };

/** Entry of a local mesh's Jaeger. */
export const jaegerEntry: Entry = {
  name: 'jaeger',
  kind: 'jaeger',
  protocol: 'http',
  targets: [{ host: jaegerAddress, port: 16_686 }],
};

/** Starts the server of Istio's metrics, and returns the local mesh's entry that leads to it. */
export async function startMeshMetrics(pods: () => readonly MeshPod[], signal: AbortSignal): Promise<Entry> {
  const target = await startMetricsEndpoint(pods, signal);
  return { name: 'metrics', kind: 'metrics', protocol: 'http', targets: [target] };
}

/** Starts a Jaeger in its own network namespace. */
export async function startMeshJaeger(
  { tools, folder }: ProgramOptions,
  signal: AbortSignal,
): Promise<StartingProgram> {
  await createNamespace('jaeger', 'jaeger', jaegerAddress, signal);
  const log = path.join(folder, 'logs', 'jaeger.log');
  const env = { PATH: process.env.PATH, ...jaegerEnv };
  const args = jaegerArguments(folder, jaegerAddresses);
  return { program: spawnInPod(tools.jaeger, args, { namespace: 'jaeger', log, env }), name: 'Jaeger', log };
}

/** Waits until the local mesh's Jaeger is healthy. */
export function meshJaegerReady(signal: AbortSignal): Promise<void> {
  return jaegerReady(jaegerAddresses, signal);
}
