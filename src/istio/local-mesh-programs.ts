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
import { spawnInPod } from './program.ts';
import type { Starting } from './ready.ts';
import type { InstalledTools } from './tools.ts';

interface Place {
  readonly tools: InstalledTools;
  /** Of the bed. */
  readonly folder: string;
}

/** Starts istiod in a namespace of its own, with what it takes for Kubernetes's API. */
export async function startMeshIstiod(
  {
    tools,
    folder,
    authorityFolder,
    logRoutes,
  }: Place & { readonly authorityFolder: string; readonly logRoutes: boolean },
  { store, kinds }: { readonly store: Store; readonly kinds: Kinds },
  signal: AbortSignal,
): Promise<Starting> {
  const api = createApiServer(store, kinds);
  api.listen(0, bridgeAddress);
  await once(api, 'listening');
  const { port: apiPort } = api.address() as AddressInfo;
  const name = 'istiod';
  await createNamespace(name, name, istiodAddress, signal);
  const log = path.join(folder, 'logs', 'istiod.log');
  const program = await startIstiod({
    ...{ istiod: tools.istiod, folder: path.join(folder, 'istiod'), authorityFolder },
    ...{ apiPort, namespace: name, log, logRoutes },
  });
  return { program, name, log };
}

const at = (port: number): string => `${jaegerAddress}:${port}`;
const jaegerAddresses = { otlpHttp: at(4318), query: at(16_686), queryGrpc: at(16_685), health: at(13_133) };

/** Where the page of a bed's Jaeger is reached. */
export const jaegerEntry: Entry = {
  ...{ name: 'jaeger', kind: 'jaeger', protocol: 'http' },
  targets: [{ host: jaegerAddress, port: 16_686 }],
};

/** Starts a Jaeger in a namespace of its own. */
export async function startMeshJaeger({ tools, folder }: Place, signal: AbortSignal): Promise<Starting> {
  await createNamespace('jaeger', 'jaeger', jaegerAddress, signal);
  const log = path.join(folder, 'logs', 'jaeger.log');
  const env = { PATH: process.env.PATH, ...jaegerEnv };
  const args = jaegerArguments(folder, jaegerAddresses);
  return { program: spawnInPod(tools.jaeger, args, { namespace: 'jaeger', log, env }), name: 'Jaeger', log };
}

/** Resolves when it is healthy. */
export function meshJaegerReady(signal: AbortSignal): Promise<void> {
  return jaegerReady(jaegerAddresses, signal);
}
