import type { Meter } from '@opentelemetry/api';

/** Resources of a service at this moment. */
export interface ResourceReadings {
  /** Refused work, by the flag of the bound that refused it. */
  readonly refused: ReadonlyMap<string, number>;
  /** Limits, by their flags: numbers, bytes or milliseconds. */
  readonly limits: ReadonlyMap<string, number>;
  readonly requests: number;
  readonly calls: number;
  readonly connections: number;
  /** Size of all answers that are being made or sent, in bytes. */
  readonly heldBytes: number;
  /** Memory of all requests with their answers, in bytes. */
  readonly memoryBytes: number;
}

/** Gauges and their descriptions, by the reading that they show. */
const gauges = {
  requests: ['meshmock.requests.in_flight', 'Requests that the service answers'],
  calls: ['meshmock.calls.in_flight', 'Calls that the service makes'],
  connections: ['meshmock.connections', 'Connections of clients'],
  heldBytes: ['meshmock.held.bytes', 'Size of the answers that are being made or sent, in bytes'],
  memoryBytes: ['meshmock.memory.bytes', 'Memory that all requests with their answers take, in bytes'],
} as const;

/** Adds metrics of the resources of a service. They are read when they are collected. */
export function observeResources(meter: Meter, readings: () => ResourceReadings): void {
  for (const [reading, [name, description]] of Object.entries(gauges)) {
    meter
      .createObservableGauge(name, { description })
      .addCallback((result) => result.observe(readings()[reading as keyof typeof gauges]));
  }
  meter
    .createObservableCounter('meshmock.refused', { description: 'Refused work, by the bound that refused it' })
    .addCallback((result) => {
      for (const [bound, count] of readings().refused) result.observe(count, { bound });
    });
  meter
    .createObservableGauge('meshmock.limit', { description: 'Limits of the service, by their flags' })
    .addCallback((result) => {
      for (const [bound, limit] of readings().limits) result.observe(limit, { bound });
    });
}
