import { optional } from '../../error/optional.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import { MeshHost } from '../../istio/host/mesh-host.ts';
import type { PodProgress } from '../../istio/node/pod-status.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { checkMachine } from '../../istio/tools/check-machine.ts';
import { packageFile } from '../../package/package-files.ts';
import { grpcAddressFor } from '../../plan/address.ts';
import { readIstioSettings } from '../files/istio-settings.ts';
import { readManifestSources } from '../files/manifest-sources.ts';
import { demoArguments, manifestsFor } from '../manifests/manifests.ts';
import { endWithNpx } from '../process/end-signals.ts';
import { istioUpSchema, readIstioOptions } from './istio-options.ts';
import { entryLines, introduction, reportLines } from './istio-report.ts';
import { startMeshPage } from './mesh-page.ts';

/** Ingress of the demo; `meshmock manifests` prints its workloads. */
const demoIngress = packageFile('istio/demo');

function demoSources(): ManifestSource[] {
  return [{ name: 'demo', text: manifestsFor(demoArguments).text }, ...readManifestSources([demoIngress])];
}

const stillStartingMs = 10_000;

/** Returns the variables that `up` has too, and those of Jaeger and the page. Others have another meaning for a service. */
function ownVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { MESHMOCK_HTTP, MESHMOCK_GRPC, MESHMOCK_JAEGER } = env;
  const { MESHMOCK_PAGE, MESHMOCK_NO_PAGE, MESHMOCK_TRACE_URL, MESHMOCK_GRAPH_URL } = env;
  const page = { MESHMOCK_PAGE, MESHMOCK_NO_PAGE, MESHMOCK_TRACE_URL, MESHMOCK_GRAPH_URL };
  return { MESHMOCK_HTTP, MESHMOCK_GRPC, MESHMOCK_JAEGER, ...page };
}

/**
 * Starts a local mesh, and runs it until a signal or `down` ends it.
 *
 * @throws MeshmockError `usage`, or `machine` if this machine cannot run a mesh
 */
export async function istioUp(args: readonly string[]): Promise<void> {
  const values = readIstioOptions(istioUpSchema, args, ownVariables(process.env));
  const {
    mesh: name,
    namespace,
    fill,
    http,
    grpc = grpcAddressFor(http),
    jaeger,
    metrics,
    kubernetes,
    logLevel,
    seed,
    maxReplicas,
  } = values;
  // Before the demo's manifests are read: an image that cannot run a mesh has none.
  checkMachine();
  // While this process reads standard input, signals end it as they do by default.
  const sources = values.file.length === 0 ? demoSources() : readManifestSources(values.file);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  endWithNpx();
  const begun = performance.now();
  let upMesh: MeshHost | undefined;
  await using page = values.noPage ? undefined : await startMeshPage({ ...values, name }, () => upMesh);
  process.stderr.write('meshmock: starting istiod, Jaeger and the pods\n');
  let progress: PodProgress = { pods: 0, ready: 0 };
  const options = {
    mesh: name,
    namespace,
    fill,
    istio: readIstioSettings(values),
    ...optional('maxReplicas', maxReplicas),
    ...optional('pageUrl', page?.url),
    logRoutes: false,
    sources,
    serveArguments: [`--log-level=${logLevel}`, ...(seed === undefined ? [] : [`--seed=${seed}`])],
    ports: { http, grpc, jaeger, metrics, kubernetes },
    onProgress: (now: PodProgress) => {
      progress = now;
    },
    onProgramExit: (lost: string, logs: string) => process.stderr.write(`meshmock: ${lost} has ended; see ${logs}\n`),
    onPorts: (ports: readonly MachinePort[]) => process.stdout.write(`${entryLines(ports, []).join('\n')}\n`),
  };
  const waiting = setInterval(() => {
    const seconds = Math.round((performance.now() - begun) / 1000);
    const { pods, ready } = progress;
    // istiod is the first pod, and a mesh has others only when it is ready.
    const text = pods > 1 ? `: ${ready} of ${pods} pods are ready` : '';
    process.stderr.write(`meshmock: still starting, ${seconds} s${text}\n`);
  }, stillStartingMs);
  const { mesh, started } = await MeshHost.start(options, stop.signal)
    .catch((error: unknown) => {
      if (stop.signal.aborted) return { mesh: undefined, started: undefined };
      throw error;
    })
    .finally(() => clearInterval(waiting));
  if (mesh === undefined) return;
  upMesh = mesh;
  stop.signal.addEventListener('abort', () => void mesh[Symbol.asyncDispose](), { once: true });
  if (stop.signal.aborted) await mesh[Symbol.asyncDispose]();
  for (const line of reportLines(started.report, sources, namespace)) process.stderr.write(`${line}\n`);
  const seconds = (performance.now() - begun) / 1000;
  const facts = { seconds, folder: mesh.folder, mesh: name, page: page?.url };
  process.stdout.write(`${introduction(started.pods, mesh.ports, facts)}\n`);
  await mesh.ended;
}
