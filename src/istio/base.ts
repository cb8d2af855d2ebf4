import { alpnFilter } from './alpn-filter.ts';
import { tracingProvider } from './control-plane.ts';
import { jaegerAddress } from './network.ts';
import type { KubeObject } from './objects.ts';
import { metricsFilter } from './observe/metrics-filter.ts';

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

/** Returns the objects that every local mesh has from its start: namespaces, the collector of spans, and tracing. */
export function baseObjects(): KubeObject[] {
  const metadata = { name: collector, namespace: systemNamespace };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', labels: { 'istio-injection': 'enabled' } } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: collector }, ports: [{ name: 'http-otlp', port: 4318 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels: { app: collector } },
      spec: { containers: [{ name: 'jaeger', image: 'jaeger' }] },
      status: {
        phase: 'Running',
        podIP: jaegerAddress,
        podIPs: [{ ip: jaegerAddress }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
    {
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: { name: 'mesh-default', namespace: systemNamespace },
      spec: { tracing: [{ providers: [{ name: tracingProvider }], randomSamplingPercentage: 100 }] },
    },
    alpnFilter(systemNamespace),
    metricsFilter(systemNamespace),
  ];
}
