import { tracingProvider } from './control-plane.ts';
import { jaegerAddress } from './network.ts';
import type { KubeObject } from './objects.ts';

const collector = 'jaeger-collector';
const systemNamespace = 'istio-system';

const madeAnnotation = 'meshmock.dev/made';

/** An object that nobody applied. Whoever applies one of its name takes its place. */
export function asMade(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations, [madeAnnotation]: 'true' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

export function isApplied({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[madeAnnotation] === undefined;
}

/** What stands in every bed before anything is applied: namespaces, the collector, tracing of the whole mesh. */
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
  ];
}
