import { button, type Content, element, link } from '../../dom/elements.ts';
import type { MeshNode, MeshNodePod, MeshState } from '../../model/mesh-page-data.ts';
import { edgeLabel, edgeTitle } from '../../model/mesh-words.ts';
import { fillLink, type PageLinks } from '../../model/page-data.ts';
import { scrolledTable } from './scrolled-table.ts';

/** Returns what is known of a service: its pods, and the calls from and to it. */
export function nodeFacts(
  node: MeshNode,
  state: MeshState,
  { graphUrl }: PageLinks,
  onEdge: (id: string) => void,
): Content[] {
  const edges = state.edges.filter(({ from, to }) => from === node.id || to === node.id);
  const buttons = edges.map((edge) => {
    const title = `${edgeTitle(state, edge.id)}: ${edgeLabel(edge)}`;
    const attributes = { class: 'foreign', 'data-key': `node edge ${edge.id}` };
    return element(
      'li',
      {},
      button(title, () => onEdge(edge.id), attributes),
    );
  });
  const { url, namespace, name } = node;
  const graph =
    graphUrl === undefined || namespace === undefined ? undefined : fillLink(graphUrl, { namespace, service: name });
  return [
    element('p', { class: 'foreign' }, `${kinds[node.kind]}${namespace ? `, in the namespace ${namespace}` : ''}.`),
    url === undefined ? undefined : element('p', {}, 'Send calls from its own page: ', link(url, url)),
    graph && element('p', {}, link(graph, 'This service in the graph of another program')),
    node.versions.length === 0 ? undefined : podTable(node, state.kind === 'istio'),
    buttons.length === 0 ? undefined : element('h3', {}, 'Its calls'),
    buttons.length === 0 ? undefined : element('ul', { class: 'runs' }, ...buttons),
  ];
}

const kinds: Readonly<Record<MeshNode['kind'], string>> = {
  service: 'A service',
  gateway: 'A gateway: a proxy at the edge of the mesh, without a service of its own',
  outside: 'Callers that the mesh does not know, such as your browser or curl',
  host: 'A host outside the mesh',
  missing: 'A service without a pod',
};

function podTable({ versions }: MeshNode, isIstio: boolean): HTMLElement {
  const rows = versions.flatMap(({ version, pods }) =>
    pods.map((pod) => [
      pod.name,
      version,
      podState(pod, isIstio),
      ...(isIstio ? [proxyOf(pod), pod.serviceAccount] : []),
      pod.address,
    ]),
  );
  const proxy = isIstio ? ['proxy', 'service account'] : [];
  return scrolledTable('pods', ['pod', 'version', 'state', ...proxy, 'address'], rows);
}

function podState({ isReady }: MeshNodePod, isIstio: boolean): Content {
  if (isReady) return isIstio ? 'ready' : 'runs';
  return element('span', { class: 'bad' }, isIstio ? 'not ready' : 'has ended');
}

function proxyOf({ hasSidecar }: MeshNodePod): Content {
  return hasSidecar ? 'yes' : element('span', { class: 'notice' }, 'none');
}
