/** What a thread of `CpuBurner` runs: keeps its core busy for the CPU time it is told, then says so. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', (cpuMs: number) => {
  const start = process.threadCpuUsage();
  let spentMs = 0;
  while (spentMs < cpuMs) {
    for (let round = 0; round < 10_000; round++);
    const { user, system } = process.threadCpuUsage(start);
    spentMs = (user + system) / 1000;
  }
  parentPort?.postMessage(spentMs);
});
