import { callMethod } from '../reply/reply.ts';

/** Maximum number of methods with series of their own. Callers choose the names, and each name makes new series. */
const maxNames = 100;

/** Maximum length of such a name. */
const maxNameLength = 200;

/** Name of all other methods (OpenTelemetry, "Semantic conventions for RPC", `rpc.method`). */
const otherMethods = '_OTHER';

/** Names of gRPC methods for metrics: the first ones as they are, and one name for all others. */
export class RpcMethodNames {
  private readonly names = new Set([callMethod]);

  /** Returns the name of a method for metrics. */
  nameOf(method: string): string {
    if (this.names.has(method)) return method;
    if (this.names.size === maxNames || method.length > maxNameLength) return otherMethods;
    this.names.add(method);
    return method;
  }
}
