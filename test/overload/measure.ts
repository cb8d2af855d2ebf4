import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Observations of a service during a load. */
export interface Observed {
  /** Times until probes were answered, each over a new connection, in ascending order. */
  readonly probesMs: readonly number[];
  /** Number of probes without the answer of a healthy service. */
  readonly failedProbes: number;
  /** Resident memory of the process at each probe, in bytes. NaN without /proc. */
  readonly memoryBytes: readonly number[];
}

const probeEveryMs = 100;
const probeTimeoutMs = 5000;

/** Observes a service until an action has ended. */
export async function observe<T>(
  port: number,
  pid: number,
  action: () => Promise<T>,
): Promise<Observed & { result: T }> {
  const probesMs: number[] = [];
  const memoryBytes: number[] = [];
  let failedProbes = 0;
  let isRunning = true;
  const probing = (async () => {
    while (isRunning) {
      const startedAt = performance.now();
      if (await isHealthy(port)) probesMs.push(performance.now() - startedAt);
      else failedProbes++;
      memoryBytes.push(residentBytes(pid));
      await sleep(probeEveryMs);
    }
  })();
  const result = await action().finally(() => {
    isRunning = false;
  });
  await probing;
  return { result, probesMs: probesMs.sort((a, b) => a - b), failedProbes, memoryBytes };
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ port, host: '127.0.0.1', path: '/-/healthy', agent: false, timeout: probeTimeoutMs });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', () => resolve(false));
    request.on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
    });
  });
}

function residentBytes(pid: number): number {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1024;
  } catch {
    return Number.NaN;
  }
}
