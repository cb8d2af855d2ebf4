import { isIP } from 'node:net';
import { externalHostsAnnotation } from '../resources/installation.ts';
import {
  groupOf,
  isService,
  type KubeObject,
  kubectlName,
  type Labels,
  namespaceOf,
  type Service,
} from '../resources/objects.ts';
import { dnsNamesOf } from '../resources/routes.ts';

/** Pod, with its address and what it answers for. */
export interface AddressedPod {
  readonly address: string;
  readonly annotations: Labels;
}

/**
 * Finds addresses and hosts outside the mesh to which objects lead calls. In a cluster they may answer, but a local mesh
 * has nothing there.
 *
 * @returns a line for each, which begins with kubectl's name of the object
 * @example analyzeAddresses([workloadEntry], services, pods) // ['workloadentry.…/vm: nothing … 192.0.2.1 …']
 */
export function analyzeAddresses(
  objects: readonly KubeObject[],
  services: readonly Service[],
  pods: readonly AddressedPod[],
): string[] {
  const addresses = new Set(pods.map(({ address }) => address));
  const mocked = new Set(pods.flatMap(({ annotations }) => annotations[externalHostsAnnotation]?.split(',') ?? []));
  return objects.flatMap((object) => {
    const names = new Set(services.flatMap((service) => dnsNamesOf(service, namespaceOf(object))));
    const isKnown = (host: string): boolean =>
      isIP(host) > 0 ? addresses.has(host) : mocked.has(host) || names.has(host) || host.includes('*');
    const unknown = [...new Set(targetsOf(object))].filter((host) => !isKnown(host));
    return unknown.map(
      (host) => `${kubectlName(object)}: nothing in the local mesh answers at ${host}, so calls to it fail`,
    );
  });
}

/** Returns the addresses and hosts to which an object leads calls. */
function targetsOf(object: KubeObject): string[] {
  const { kind } = object;
  switch (groupOf(object)) {
    case '':
      if (isService(object)) return object.spec.externalName === undefined ? [] : [object.spec.externalName];
      return kind === 'Endpoints' ? endpointsTargets(object as Endpoints) : [];
    case 'discovery.k8s.io':
      return kind === 'EndpointSlice' ? sliceTargets(object as EndpointSlice) : [];
    case 'networking.istio.io':
      if (kind === 'WorkloadEntry') return addressesOf([object.spec as Endpoint]);
      return kind === 'ServiceEntry' ? entryTargets(object as ServiceEntry) : [];
    default:
      return [];
  }
}

interface Endpoints extends KubeObject {
  subsets?: readonly { readonly addresses?: readonly { readonly ip: string }[] }[];
}

function endpointsTargets({ subsets = [] }: Endpoints): string[] {
  return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
}

interface EndpointSlice extends KubeObject {
  endpoints?: readonly { readonly addresses: readonly string[] }[] | null;
}

function sliceTargets({ endpoints }: EndpointSlice): string[] {
  return (endpoints ?? []).flatMap(({ addresses }) => addresses);
}

interface Endpoint {
  readonly address?: string;
}

interface ServiceEntry extends KubeObject {
  spec: {
    hosts?: readonly string[];
    endpoints?: readonly Endpoint[];
    workloadSelector?: unknown;
  };
}

/** Without endpoints, the hosts themselves are the targets. */
function entryTargets({ spec: { hosts = [], endpoints, workloadSelector } }: ServiceEntry): string[] {
  if (workloadSelector !== undefined) return [];
  return endpoints === undefined ? [...hosts] : addressesOf(endpoints);
}

function addressesOf(endpoints: readonly Endpoint[]): string[] {
  return endpoints.flatMap(({ address }) => (address === undefined || address.startsWith('unix:') ? [] : [address]));
}
