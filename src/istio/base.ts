import { alpnFilter } from './alpn-filter.ts';
import { jaegerAddress } from './network/addresses.ts';
import type { KubeObject } from './objects.ts';

/** Name of the tracing provider in the mesh configuration. */
const tracingProvider = 'jaeger';

const collector = 'jaeger-collector';
const systemNamespace = 'istio-system';

const implicitAnnotation = 'meshmock.dev/made';

/** Marks an object as implicit: no manifest contains it, and an applied object of the same name replaces it. */
export function markImplicit(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations, [implicitAnnotation]: 'true' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Reports whether an object comes from a manifest. */
export function isApplied({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[implicitAnnotation] === undefined;
}

/** Returns the objects that the local mesh adds to Istio's installation: the collector of spans, tracing, and filters. */
export function baseObjects(): KubeObject[] {
  const metadata = { name: collector, namespace: systemNamespace };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { ports: [{ name: 'http-otlp', port: 4318 }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': collector } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [jaegerAddress], conditions: { ready: true } }],
      ports: [{ name: 'http-otlp', port: 4318, protocol: 'TCP' }],
    },
    {
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: { name: 'mesh-default', namespace: systemNamespace },
      spec: { tracing: [{ providers: [{ name: tracingProvider }], randomSamplingPercentage: 100 }] },
    },
    alpnFilter(systemNamespace),
  ];
}
