/** Workload at an end of an edge, by which selectors choose it. */
export interface EdgeWorkload {
  readonly namespace: string;
  readonly name: string;
  /** Undefined if they are not known. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** Names by which objects of Kubernetes and Istio may concern the requests of an edge. */
export interface EdgeObjects {
  /** True if the routes of both sides are known, so that the configuration of the proxies names all objects with routes. */
  readonly areRoutesKnown: boolean;
  /** Hosts that are called, and those to which the proxies of the caller send the requests. */
  readonly hosts: readonly string[];
  readonly callers: readonly EdgeWorkload[];
  readonly receivers: readonly EdgeWorkload[];
  /** Gateways that clients outside the mesh call, or through which requests pass. */
  readonly gateways: readonly EdgeWorkload[];
}
