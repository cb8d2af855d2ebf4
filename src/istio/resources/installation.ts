/** Names of the mesh in identities, certificates and spans, as in Istio's own installation. */
export const meshId = 'cluster.local';
export const clusterId = 'Kubernetes';
