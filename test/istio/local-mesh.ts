import { readFileSync } from 'node:fs';
import path from 'node:path';
import { demoArguments, manifestsFor } from '../../src/cli/manifests/manifests.ts';
import { MeshHost, type MeshOptions, type StartedMesh } from '../../src/istio/host/mesh-host.ts';
import type { ApplyReport } from '../../src/istio/local-mesh/local-mesh.ts';
import type { ManifestSource } from '../../src/istio/resources/manifest.ts';
import { installTools } from '../../src/istio/tools/install-tools.ts';

/** Local mesh for tests, on free ports. Disposing it removes everything that it made. */
export interface LocalMeshFixture extends AsyncDisposable {
  readonly host: MeshHost;
  readonly started: StartedMesh;
  /** Returns `localhost:PORT` of a Service's mocks, past their sidecars. */
  http(service: string): string;
  /** Like `http`, for gRPC. */
  grpc(service: string): string;
  /** Returns `localhost:PORT` of a port of a gateway's Service. */
  gateway(port: number, name?: string): string;
  /** URL of Jaeger's query API. */
  readonly jaeger: string;
  /** URL of Istio's metrics. */
  readonly metrics: string;
  apply(...manifests: readonly (string | ManifestSource)[]): Promise<ApplyReport>;
  delete(...manifests: readonly (string | ManifestSource)[]): Promise<ApplyReport>;
}

/** Workloads that `meshmock istio up` runs without `-f`. */
export const demoWorkloads: ManifestSource = { name: 'demo', text: manifestsFor(demoArguments).text };

const anyPort = { host: 'localhost', port: 0 };
let count = 0;

/**
 * Starts a local mesh.
 *
 * @param manifests paths of files, or texts with a name
 */
export async function startLocalMesh(
  manifests: readonly (string | ManifestSource)[],
  { fill = false, ...others }: Partial<Pick<MeshOptions, 'fill' | 'istio' | 'maxReplicas'>> = {},
): Promise<LocalMeshFixture> {
  const never = new AbortController().signal;
  const { mesh, started } = await MeshHost.start(
    {
      mesh: `test-${process.pid}-${count++}`,
      sources: manifests.map(sourceOf),
      namespace: 'default',
      ...others,
      fill,
      logRoutes: false,
      serveArguments: ['--log-level=silent', '--seed=test'],
      ports: { http: anyPort, grpc: anyPort, jaeger: anyPort, metrics: anyPort, kubernetes: anyPort },
    },
    never,
  );
  const addressOf = (kind: string, name: string, protocol: string, port?: number): string => {
    const found = mesh.ports.find(
      ({ entry }) =>
        entry.kind === kind && entry.name === name && entry.protocol === protocol && (entry.port ?? port) === port,
    );
    if (found === undefined) throw new Error(`${kind} ${name} has no ${protocol} ${port ?? ''}`);
    return `${found.host}:${found.port}`;
  };
  return {
    host: mesh,
    started,
    http: (service) => addressOf('service', service, 'http'),
    grpc: (service) => addressOf('service', service, 'grpc'),
    gateway: (port, name = 'istio-ingressgateway.istio-system') => addressOf('gateway', name, 'http', port),
    get jaeger() {
      return `http://${addressOf('jaeger', 'jaeger', 'http')}`;
    },
    get metrics() {
      return `http://${addressOf('metrics', 'metrics', 'http')}/metrics`;
    },
    apply: (...files) => mesh.apply(files.map(sourceOf), never),
    delete: (...files) => mesh.delete(files.map(sourceOf), never),
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  };
}

function sourceOf(manifest: string | ManifestSource): ManifestSource {
  return typeof manifest === 'string' ? { name: manifest, text: readFileSync(manifest, 'utf8') } : manifest;
}

/** Returns the folder of Istio's own samples, unchanged. */
export async function istioSamples(): Promise<string> {
  const { istio } = await installTools(['istio'], new AbortController().signal);
  return path.join(istio, 'samples');
}
