import { metricsFilter } from '../observe/metrics-filter.ts';
import type { KubeObject } from '../resources/objects.ts';
import { alpnFilter } from './alpn-filter.ts';

/** Name of the tracing provider in the mesh configuration of local meshes. */
const tracingProvider = 'jaeger';

/**
 * Returns the objects that the local mesh itself puts into the root namespace of the mesh configuration. The prepared
 * data does not contain them, because a user's mesh configuration can name another root namespace.
 */
export function meshObjects(rootNamespace: string): KubeObject[] {
  return [
    {
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: { name: 'mesh-default', namespace: rootNamespace },
      spec: { tracing: [{ providers: [{ name: tracingProvider }], randomSamplingPercentage: 100 }] },
    },
    alpnFilter(rootNamespace),
    metricsFilter(rootNamespace),
  ];
}
