/**
 * Worker thread of `CpuBurner`. Each message is a CPU time in milliseconds: the thread spends it, then replies whether it
 * has. It stops early if its parent sets the shared flag: a thread in its loop receives no message.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

/**
 * Nice value of the thread. The main thread, which answers probes and refuses requests, gets nine times as much of a core
 * that both want.
 */
const niceness = 10;

const stopFlag = new Int32Array(workerData as SharedArrayBuffer);

/** Lowers the priority of this thread. A sandbox may refuse that; then the threads share the cores evenly. */
function lowerPriority(): void {
  try {
    // On Linux, 0 is the thread (setpriority(2)). Elsewhere it is the process, whose main thread must not be slow.
    if (process.platform === 'linux') setPriority(0, niceness);
  } catch {
    // The thread works without it.
  }
}

lowerPriority();

parentPort?.on('message', (cpuMs: number) => {
  const start = process.threadCpuUsage();
  let spentMs = 0;
  while (spentMs < cpuMs && Atomics.load(stopFlag, 0) === 0) {
    for (let spin = 0; spin < 10_000; spin++);
    const { user, system } = process.threadCpuUsage(start);
    spentMs = (user + system) / 1000;
  }
  parentPort?.postMessage(spentMs >= cpuMs);
});
