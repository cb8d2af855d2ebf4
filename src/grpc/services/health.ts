import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import { addLazyServices } from './lazy-services.ts';

/** Health of a server and of its main service (grpc.io/docs/guides/health-checking). */
export class Health {
  private status: 'SERVING' | 'NOT_SERVING' = 'SERVING';
  private implementation: HealthImplementation | undefined;
  private readonly names: readonly string[];

  /** @param serviceName full name of the main service */
  constructor(serviceName: string) {
    // The empty name is that of the server.
    this.names = ['', serviceName];
  }

  /** Adds the service `grpc.health.v1.Health` to a server. */
  addTo(server: Server): void {
    const methods = {
      '/grpc.health.v1.Health/Check': 'unary',
      '/grpc.health.v1.Health/List': 'unary',
      '/grpc.health.v1.Health/Watch': 'serverStream',
    } as const;
    addLazyServices(server, methods, async () => {
      const { HealthImplementation } = await import('grpc-health-check');
      this.implementation = new HealthImplementation(Object.fromEntries(this.names.map((name) => [name, this.status])));
      return this.implementation;
    });
  }

  /** Reports from now on that the service does not serve. */
  stop(): void {
    this.status = 'NOT_SERVING';
    for (const name of this.names) this.implementation?.setStatus(name, this.status);
  }
}
