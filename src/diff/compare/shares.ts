/** Highest probability that a report has any difference of shares that is not there. */
export const reportFalseAlarmRate = 1e-4;

/** Tests of a report that share this probability. A report with more of them divides it further. */
const assumedTests = 100;

/** Probability for one test, if a report has this number of them. */
export function testFalseAlarmRate(tests: number): number {
  return reportFalseAlarmRate / Math.max(assumedTests, tests);
}

const leastRequests = 100;
const mostRequests = 3000;

/** Standard deviations of the false-alarm rate of one test, and those after which one in a thousand is missed. */
const deviations = 4.9 + 3.1;

/** Number of requests that tells two shares apart. */
export interface SharesSample {
  readonly count: number;
  /** False if more requests than this would be needed. */
  readonly isEnough: boolean;
}

/**
 * Returns the number of requests on each side that shows the differences of shares.
 *
 * @param before shares of the destinations, from 0 to 1; a destination that one side lacks has 0
 * @example
 * sharesSample([1, 0], [0.9, 0.1]).count; // 576
 */
export function sharesSample(before: readonly number[], after: readonly number[]): SharesSample {
  const needed = before.map((share, index) => {
    const other = after[index] ?? 0;
    const distance = Math.abs(share - other);
    if (distance < 1e-9) return 0;
    return (deviations ** 2 * (share * (1 - share) + other * (1 - other))) / distance ** 2;
  });
  // A count that differs anywhere shows that the shares differ: the clearest one is enough.
  const least = Math.min(...needed.filter((count) => count > 0), Number.POSITIVE_INFINITY);
  if (!Number.isFinite(least)) return { count: leastRequests, isEnough: true };
  const count = Math.max(leastRequests, Math.ceil(least - 1e-6));
  return { count: Math.min(mostRequests, count), isEnough: count <= mostRequests };
}

/**
 * Reports whether two counts differ more than chance allows: Fisher's exact test, two-sided.
 *
 * @param rate probability that equal shares are reported as different
 * @example
 * differs({ count: 0, all: 576 }, { count: 60, all: 576 }, 1e-6); // true
 */
export function differs(
  before: { readonly count: number; readonly all: number },
  after: { readonly count: number; readonly all: number },
  rate: number,
): boolean {
  if (before.all === 0 || after.all === 0) return false;
  return tail(before, after) < rate / 2 || tail(complement(before), complement(after)) < rate / 2;
}

function complement({ count, all }: { readonly count: number; readonly all: number }): { count: number; all: number } {
  return { count: all - count, all };
}

/** Returns the probability that at most this part of all hits is before the change, if chance divides them. */
function tail(
  before: { readonly count: number; readonly all: number },
  after: { readonly count: number; readonly all: number },
): number {
  const hits = before.count + after.count;
  const all = before.all + after.all;
  const least = Math.max(0, hits - after.all);
  let logarithm = logChoose(before.all, before.count) + logChoose(after.all, after.count) - logChoose(all, hits);
  let sum = 0;
  for (let count = before.count; count >= least; count--) {
    sum += Math.exp(logarithm);
    logarithm +=
      Math.log(count) -
      Math.log(before.all - count + 1) +
      Math.log(after.all - hits + count) -
      Math.log(hits - count + 1);
  }
  return sum;
}

function logChoose(all: number, chosen: number): number {
  let sum = 0;
  for (let index = 1; index <= Math.min(chosen, all - chosen); index++)
    sum += Math.log(all - index + 1) - Math.log(index);
  return sum;
}

/** Returns a share as a percentage: that of the configuration which is near it, or the one that was counted. */
export function shareText(count: number, all: number, configured: readonly number[]): string {
  const share = all === 0 ? 0 : (100 * count) / all;
  const deviationOf = (percent: number): number => Math.sqrt(Math.max(percent * (100 - percent), 1) / Math.max(all, 1));
  const isPart = count > 0 && count < all;
  const near = configured
    .filter((percent) => isPart && percent > 0 && Math.abs(percent - share) <= 4 * deviationOf(percent))
    .toSorted((a, b) => Math.abs(a - share) - Math.abs(b - share))[0];
  const shown = near ?? (share > 0 && share < 1 ? Number(share.toFixed(1)) : Math.round(share));
  return `${Number(shown.toFixed(1))}%`;
}
