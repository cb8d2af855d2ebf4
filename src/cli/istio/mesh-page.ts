import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import type { MeshHost } from '../../istio/host/mesh-host.ts';
import { entryName } from '../../istio/resources/entry-names.ts';
import type { MeshSource } from '../../mesh-page/mesh-answers.ts';
import type { MeshPageServer } from '../../mesh-page/mesh-page-server.ts';
import { addressText } from './istio-report.ts';

/** Settings of the page of a local mesh. */
export interface MeshPageOptions {
  /** Name of the mesh. */
  readonly name: string;
  /** Address that the user chose; otherwise the page gets the usual port, or any free one. */
  readonly page: { readonly host: string; readonly port: number } | undefined;
  readonly traceUrl: string | undefined;
  readonly graphUrl: string | undefined;
}

/**
 * Starts the page of a local mesh.
 *
 * @param mesh returns the mesh; undefined until it is up
 * @throws MeshmockError `conflict` if the address that the user chose is taken
 */
export async function startMeshPage(
  { name, page, traceUrl, graphUrl }: MeshPageOptions,
  mesh: () => MeshHost | undefined,
): Promise<MeshPageServer> {
  const { MeshPageServer: Server } = await import('../../mesh-page/mesh-page-server.ts');
  const up = (): MeshHost => {
    const host = mesh();
    if (host === undefined) throw new MeshmockError('unavailable', 'the mesh is starting');
    return host;
  };
  const source: MeshSource = {
    name,
    kind: 'istio',
    observe: async (...request: Parameters<MeshHost['observe']>) => up().observe(...request),
    edgeDetails: async (model, ends, signal) => {
      const { edgeAnswer } = await import('../../mesh-page/mesh-answers.ts');
      return edgeAnswer(up(), model, ends, signal);
    },
    urlOf: (id: string) => urlOf(id, mesh()?.ports ?? []),
    get jaegerUrl(): string {
      const jaeger = up().ports.find(({ entry }) => entry.kind === 'jaeger');
      if (jaeger === undefined) throw new MeshmockError('unavailable', 'the mesh has no Jaeger');
      return `http://${addressText(jaeger)}`;
    },
  };
  const links = { ...optional('traceUrl', traceUrl), ...optional('graphUrl', graphUrl) };
  return Server.startAt(page, source, links);
}

/** Returns the URL on this machine of a node, whose id is `NAME.NAMESPACE`. */
function urlOf(id: string, ports: readonly MachinePort[]): string | undefined {
  const [, name = id, namespace = ''] = /^(.*)\.([^.]+)$/.exec(id) ?? [];
  const port = ports.find(
    ({ entry }) =>
      entry.name === entryName(name, namespace) &&
      (entry.kind === 'service' || entry.kind === 'gateway') &&
      entry.protocol === 'http',
  );
  return port === undefined ? undefined : `http://${addressText(port)}/`;
}
