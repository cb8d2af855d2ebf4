/** Worker thread of `CpuBurner`. Each message is a CPU time in milliseconds: the thread spends it, then replies. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', (cpuMs: number) => {
  const start = process.threadCpuUsage();
  let spentMs = 0;
  while (spentMs < cpuMs) {
    for (let spin = 0; spin < 10_000; spin++);
    const { user, system } = process.threadCpuUsage(start);
    spentMs = (user + system) / 1000;
  }
  parentPort?.postMessage(spentMs);
});
