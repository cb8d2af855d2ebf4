/** Names of the mesh in identities, certificates and spans, as in Istio's own installation. */
export const meshId = 'cluster.local';
export const clusterId = 'Kubernetes';

/** Annotation of a pod that lists the hosts outside the mesh for which it answers. */
export const externalHostsAnnotation = 'meshmock.dev/external-hosts';

/** Host name of the collector to which proxies send their spans. */
export const collectorHost = 'jaeger-collector.istio-system.svc.cluster.local';
