import type { Protocol } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';

/**
 * Headers of a request that a service forwards unchanged to all services that it calls: baggage, contexts of other
 * tracers, and headers by which meshes route. The list omits the contexts that `telemetry` handles.
 */
const forwardedNames: readonly string[] = [
  'baggage',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-sampling-priority',
  'x-datadog-origin',
  'x-datadog-tags',
  'sw8',
  'sw8-correlation',
  'sw8-x',
  'x-ot-span-context',
  'x-cloud-trace-context',
  'x-amzn-trace-id',
  'grpc-trace-bin',
  'end-user',
  'user-agent',
  'cookie',
  'authorization',
  'jwt',
];

/** Selector of the headers that a service forwards. */
export class HeaderForwarder {
  private readonly names: ReadonlySet<string>;

  /** @param more names besides the standard ones, in any case */
  constructor(more: readonly string[] = []) {
    this.names = new Set([...forwardedNames, ...more.map((name) => name.toLowerCase())]);
  }

  /** Returns the headers to forward from a request of a protocol, with the id of the request. */
  pick(headers: Headers, protocol: Protocol, requestId: string): Record<string, string> {
    const picked: Record<string, string> = {};
    for (const name in headers) {
      const value = headers[name];
      if (value !== undefined && this.names.has(name)) picked[name] = value;
    }
    // Over gRPC, user-agent names the client library, and each hop sets its own.
    if (protocol === 'grpc') delete picked['user-agent'];
    picked['x-request-id'] = requestId;
    return picked;
  }
}
