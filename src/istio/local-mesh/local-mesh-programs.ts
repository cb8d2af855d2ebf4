import path from 'node:path';
import { jaegerAddress, nodeAddress } from '../network/addresses.ts';
import { createPodNetwork } from '../network/pod-network.ts';
import type { Entry } from '../node/entries.ts';
import { startMetricsEndpoint } from '../observe/metrics-endpoint.ts';
import type { MeshPod } from '../observe/pod-directory.ts';
import { spawnInPod } from '../process/program.ts';
import type { StartingProgram } from '../process/ready.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { jaegerArguments, jaegerEnv, jaegerReady } from './jaeger.ts';

interface ProgramOptions {
  readonly tools: InstalledTools;
  /** Folder of the local mesh. */
  readonly folder: string;
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

/** Entry of a local mesh's API server. */
export const apiEntry: Entry = {
  name: 'kubernetes',
  kind: 'kubernetes',
  protocol: 'http',
  targets: [{ host: nodeAddress, port: 6443 }],
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
  await createPodNetwork({ name: 'jaeger', link: 'jaeger', address: jaegerAddress }, signal);
  const log = path.join(folder, 'logs', 'jaeger.log');
  const env = { PATH: process.env.PATH, ...jaegerEnv };
  const args = jaegerArguments(folder, jaegerAddresses);
  return { program: spawnInPod(tools.jaeger, args, { namespace: 'jaeger', log, env }), name: 'Jaeger', log };
}

/** Waits until the local mesh's Jaeger is healthy. */
export function meshJaegerReady(signal: AbortSignal): Promise<void> {
  return jaegerReady(jaegerAddresses, signal);
}
