/**
 * Does something a number of times, so many at once, each with its index from 0.
 *
 * @param goesOn asked before each: false begins no more
 */
export async function runConcurrently(
  times: number,
  concurrency: number,
  goesOn: () => boolean,
  action: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    while (next < times && goesOn()) await action(next++);
  };
  await Promise.all(Array.from({ length: Math.min(times, concurrency) }, takeTurns));
}
