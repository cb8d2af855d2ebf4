import { type KubeObject, namespaceOf, selects } from '../../istio/resources/objects.ts';
import { fullHost } from '../../istio/resources/routes.ts';
import type { EdgeObjects, EdgeWorkload } from '../edge-objects.ts';
import { isCertificate } from './certificate-secret.ts';
import { isRecord } from './changed-parts.ts';
import { isTranslated } from './unseen-objects.ts';

/** Namespace whose policies are those of the whole mesh. */
const rootNamespace = 'istio-system';

/**
 * Reports whether an object that no proxy names may have an effect on an edge, as far as its names and selectors say. Objects
 * with routes are named, if the routes are known.
 */
export function concerns(object: KubeObject, edge: EdgeObjects): boolean {
  const { callers, receivers, gateways, hosts } = edge;
  const spec = isRecord(object.spec) ? object.spec : {};
  const namespace = namespaceOf(object);
  switch (object.kind) {
    case 'VirtualService':
      return (
        !edge.areRoutesKnown &&
        isOfGateways(textsOf(spec.gateways), edge) &&
        isOfHosts(textsOf(spec.hosts), namespace, hosts)
      );
    case 'ServiceEntry':
      return isOfHosts(textsOf(spec.hosts), namespace, hosts);
    case 'DestinationRule':
      return isAnyHost(String(spec.host), namespace, hosts);
    case 'Gateway':
      return gateways.length > 0 && gatewayHosts(spec).some((host) => isAnyHost(host, namespace, hosts));
    case 'HTTPRoute':
    case 'GRPCRoute':
      return !edge.areRoutesKnown && isOfRoute(spec, namespace, edge);
    case 'AuthorizationPolicy':
    case 'RequestAuthentication':
    case 'PeerAuthentication':
      return isSelected(object, [...receivers, ...gateways]);
    case 'Sidecar':
      return isSelected(object, [...callers, ...receivers]);
    case 'Service':
      return isAnyHost(object.metadata.name, namespace, hosts);
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'ReplicaSet':
    case 'Pod':
      return [...callers, ...receivers].some((one) => one.namespace === namespace && one.name === object.metadata.name);
    case 'Namespace':
      return [...callers, ...receivers].some((one) => one.namespace === object.metadata.name);
    case 'ServiceAccount':
      return false;
    case 'Secret':
      return isCertificate(object) && isSelected(object, [...callers, ...receivers, ...gateways]);
    case 'ConfigMap':
      // It holds the configuration of the mesh. Others are for programs in containers.
      return object.metadata.name === 'istio' && namespace === rootNamespace;
    default:
      // No proxy sees an object of a kind that istiod does not read, such as a PodDisruptionBudget.
      return isTranslated(object) && isSelected(object, [...callers, ...receivers, ...gateways]);
  }
}

/** Reports whether a VirtualService is for the sidecars of callers, or for gateways of the edge. */
function isOfGateways(names: readonly string[], { callers, gateways }: EdgeObjects): boolean {
  const all = names.length === 0 ? ['mesh'] : names;
  return all.some((name) => (name === 'mesh' ? callers.length > 0 : gateways.length > 0));
}

/** Reports whether one of some hosts is called. A delegate has none. */
function isOfHosts(own: readonly string[], namespace: string, called: readonly string[]): boolean {
  return own.length === 0 || own.some((host) => isAnyHost(host, namespace, called));
}

/** Reports whether a policy is for one of some workloads: by its namespace and its selector. */
function isSelected(object: KubeObject, workloads: readonly EdgeWorkload[]): boolean {
  const namespace = namespaceOf(object);
  const spec = isRecord(object.spec) ? object.spec : {};
  const selector = [spec.selector, spec.workloadSelector].find(isRecord);
  const chosen = selector?.matchLabels ?? selector?.labels;
  // Without labels, a selector of a policy is for all workloads, unlike that of a Service.
  const labels = isRecord(chosen) && Object.keys(chosen).length > 0 ? chosen : undefined;
  return workloads.some(
    (one) =>
      (namespace === rootNamespace || one.namespace === namespace) &&
      (labels === undefined || one.labels === undefined || selects(labels as Record<string, string>, one.labels)),
  );
}

function isOfRoute(spec: Record<string, unknown>, namespace: string, { hosts, gateways }: EdgeObjects): boolean {
  const parents = Array.isArray(spec.parentRefs) ? spec.parentRefs.filter(isRecord) : [];
  const names = textsOf(spec.hostnames);
  return parents.some((parent) =>
    parent.kind === 'Service'
      ? isAnyHost(String(parent.name), String(parent.namespace ?? namespace), hosts)
      : gateways.length > 0 && (names.length === 0 || names.some((name) => isAnyHost(name, namespace, hosts))),
  );
}

/** Returns the hosts of the servers of a Gateway of Istio, or of the listeners of one of the Gateway API. */
function gatewayHosts(spec: Record<string, unknown>): string[] {
  const servers = [spec.servers, spec.listeners].flatMap((list) => (Array.isArray(list) ? list.filter(isRecord) : []));
  return servers.flatMap((server) =>
    Array.isArray(server.hosts) ? textsOf(server.hosts) : [String(server.hostname ?? '*')],
  );
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Reports whether a host of an object of a namespace is one of those called. It may be short, or have a wildcard. */
function isAnyHost(given: string, namespace: string, called: readonly string[]): boolean {
  // Hosts of Gateways may name namespaces: `shop/*.example.com`.
  const host = given.replace(/^[^/]*\//, '');
  const full = host === '*' ? host : fullHost(host, namespace);
  return called.some((one) =>
    full.startsWith('*') ? one.endsWith(full.slice(1)) : one === full || one.startsWith(`${full}.`),
  );
}
