import type { Reply } from '../../reply/reply.ts';
import { callGraph } from './call-graph.ts';

/** Maximum number of names that are offered. */
const mostNames = 200;

/** Services that can be offered by name: those that the service knows, and those that its answers showed. */
export class KnownServices {
  private readonly names = new Set<string>();

  /** @param targets targets as the path language writes them, such as `grpc:basket` */
  constructor(targets: readonly string[]) {
    for (const target of targets) this.add(target.replace(/^\w+:(?=[a-z])/i, ''));
  }

  /** Adds the services that answered. */
  learn(reply: Reply): void {
    for (const { name, kind } of callGraph(reply).nodes) if (kind !== 'unreached') this.add(name);
  }

  get all(): readonly string[] {
    return [...this.names];
  }

  /** Returns the names without that of one service, in the order in which they were learned. */
  without(name: string): readonly string[] {
    return this.all.filter((known) => known !== name);
  }

  private add(name: string): void {
    if (this.names.size < mostNames && /^[\w.-]+$/.test(name)) this.names.add(name);
  }
}
