import type { Labels } from '../resources/objects.ts';

/** Pod with a proxy, as the proxy describes itself in metrics. */
export interface ProxyIdentity {
  readonly name: string;
  readonly namespace: string;
  /** Name of the Deployment or another workload that made the pod; its own name if nothing made it. */
  readonly workload: string;
  readonly serviceAccount: string;
  readonly labels: Labels;
  readonly address: string;
}

/** Pod of the mesh. Peers know the identity of a pod only from its proxy. */
export interface MeshPod extends ProxyIdentity {
  readonly hasProxy: boolean;
}

/** Pods of a mesh by what proxies know about the peers of their connections. */
export class PodDirectory {
  private readonly addresses: ReadonlyMap<string, MeshPod>;
  private readonly workloads: ReadonlyMap<string, MeshPod>;
  /** Pods of each service account; undefined for accounts that several workloads use. */
  private readonly accounts: ReadonlyMap<string, MeshPod | undefined>;

  constructor(pods: readonly MeshPod[]) {
    this.addresses = new Map(pods.map((pod) => [pod.address, pod]));
    const named = pods.flatMap((pod) => [pod.workload, pod.name].map((name) => [pod.namespace, name, pod] as const));
    this.workloads = new Map(named.map(([namespace, name, pod]) => [`${namespace}/${name}`, pod]));
    const accounts = new Map<string, MeshPod | undefined>();
    for (const pod of pods) {
      const account = `${pod.namespace}/${pod.serviceAccount}`;
      const other = accounts.has(account) ? accounts.get(account) : pod;
      accounts.set(account, other?.workload === pod.workload ? pod : undefined);
    }
    this.accounts = accounts;
  }

  /**
   * Finds the pod that opened a connection.
   *
   * @param principal identity in the peer's certificate; empty without mTLS. A pod with another identity has taken over
   *   the address of one that is gone: then the pod is found by its identity, if only one workload has it.
   */
  byConnection(address: string, principal: string): MeshPod | undefined {
    const pod = this.addresses.get(address);
    const account = accountOf(principal);
    if (account === undefined || (pod !== undefined && account === `${pod.namespace}/${pod.serviceAccount}`))
      return pod;
    return this.accounts.get(account);
  }

  /** Finds a pod of a workload. For a pod that no workload made, istiod gives the name of the pod. */
  byWorkload(namespace: string, workload: string): MeshPod | undefined {
    return this.workloads.get(`${namespace}/${workload}`);
  }
}

/** Returns the service account of an identity such as `spiffe://cluster.local/ns/shop/sa/front`, as `shop/front`. */
function accountOf(principal: string): string | undefined {
  const [, namespace, account] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal) ?? [];
  return namespace === undefined ? undefined : `${namespace}/${account}`;
}

/** Returns the namespace of an identity such as `spiffe://cluster.local/ns/shop/sa/front`; undefined if it has none. */
export function namespaceOfPrincipal(principal: string): string | undefined {
  return /\/ns\/([^/]*)/.exec(principal)?.[1];
}
