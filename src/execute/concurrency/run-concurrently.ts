/**
 * Runs an action a number of times, with a limit on the runs in parallel.
 *
 * @param times number of runs
 * @param concurrency maximum number of runs in parallel
 * @param mayStart reports before each run whether it may start
 * @param action receives the index of the run, from 0
 */
export async function runConcurrently(
  times: number,
  concurrency: number,
  mayStart: () => boolean,
  action: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const runNext = async (): Promise<void> => {
    while (next < times && mayStart()) await action(next++);
  };
  await Promise.all(Array.from({ length: Math.min(times, concurrency) }, runNext));
}
