/** Thread of `CpuBurner`: keeps its core busy for the CPU time of each message, in milliseconds, and answers it. */
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
