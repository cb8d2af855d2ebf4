/** Loaded into a service under test: after SIGUSR2 it collects garbage and writes its memory to file 3, as JSON. */
import { writeSync } from 'node:fs';

declare const gc: () => void;

process.on('SIGUSR2', () => {
  gc();
  writeSync(3, `${JSON.stringify(process.memoryUsage())}\n`);
});
