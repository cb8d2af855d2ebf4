import type { Headers } from '../reply/mesh-headers.ts';
import type { Protocol } from '../reply/reply.ts';

/**
 * What a service passes on of a request's headers to every service it calls, unchanged: baggage, the contexts of
 * tracers other than ours, and what meshes route by. The context of the trace itself is `telemetry`'s.
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

/** Picks the headers to forward. */
export class HeaderForwarder {
  private readonly names: readonly string[];

  /** @param more names beside the usual ones, in any case */
  constructor(more: readonly string[] = []) {
    this.names = [...new Set([...forwardedNames, ...more.map((name) => name.toLowerCase())])];
  }

  /** The headers to forward, of a request that came by this protocol, and the request's id. */
  pick(headers: Headers, protocol: Protocol, requestId: string): Record<string, string> {
    const picked: Record<string, string> = {};
    for (const name of this.names) {
      const value = headers[name];
      if (value !== undefined) picked[name] = value;
    }
    // Over gRPC it is the name of the caller's library, which every hop sets anew.
    if (protocol === 'grpc') delete picked['user-agent'];
    return { ...picked, 'x-request-id': requestId };
  }
}
