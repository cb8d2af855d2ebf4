import type { EndpointSlice, Service } from '../../../src/istio/resources/objects.ts';

/** Returns a Service with TCP port 80 named http and UDP port 53 named dns. */
export function serviceOf(name: string, clusterIP: string, spec: Partial<Service['spec']> = {}): Service {
  const ports = [
    { name: 'http', port: 80, protocol: 'TCP' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { clusterIP, ports, ...spec },
  };
}

/** Returns the EndpointSlice of a Service of `serviceOf`. The endpoints listen on TCP 8080 and UDP 5353. */
export function sliceOf(service: string, endpoints: EndpointSlice['endpoints']): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'dns', port: 5353, protocol: 'UDP' },
    ],
    ...(endpoints === undefined ? {} : { endpoints }),
  };
}
