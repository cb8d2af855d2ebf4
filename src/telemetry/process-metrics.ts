import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

/** Folder with an entry for each descriptor that this process has open. Only Linux has it. */
const descriptorFolder = '/proc/self/fd';

/** Metrics of this process in seconds. Their names for Prometheus end in the unit. */
export const processSeconds = ['process.cpu.time', 'process.uptime'] as const;

/**
 * Adds metrics of this process, by the names of the conventions (OpenTelemetry, "Process metrics"). They are read when they
 * are collected.
 */
export function observeProcess(meter: Meter): void {
  const [cpuTime, uptime] = processSeconds;
  meter
    .createObservableCounter(cpuTime, { description: 'CPU time of the process', unit: 's' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { 'cpu.mode': 'user' });
      result.observe(system / 1e6, { 'cpu.mode': 'system' });
    });
  meter
    .createObservableGauge(uptime, { description: 'Time since the start of the process', unit: 's' })
    .addCallback((result) => result.observe(process.uptime()));
  meter
    .createObservableGauge('process.memory.usage.bytes', { description: 'Memory of the process, in bytes' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('process.unix.file_descriptor.count', { description: 'Open descriptors of the process' })
    .addCallback((result) => {
      const count = countDescriptors();
      if (count !== undefined) result.observe(count);
    });
}

/** Returns the number of open descriptors, or undefined where the system does not say it. */
function countDescriptors(): number | undefined {
  try {
    // One of them reads the folder.
    return readdirSync(descriptorFolder).length - 1;
  } catch {
    return undefined;
  }
}

/**
 * Adds the share of time in which the event loop is busy, since the collection before (OpenTelemetry, "Node.js runtime
 * metrics"). A service whose share is 1 is overloaded.
 */
export function observeEventLoop(meter: Meter): void {
  let before = performance.eventLoopUtilization();
  meter
    .createObservableGauge('nodejs.eventloop.utilization', {
      description: 'Share of time in which the event loop is busy',
    })
    .addCallback((result) => {
      const now = performance.eventLoopUtilization();
      result.observe(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    });
}
