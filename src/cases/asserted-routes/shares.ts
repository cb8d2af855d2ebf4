import { type AssertionResult, notSeenResult, seenResult } from './route-evidence.ts';

/** Probability that the count of a right share is reported as wrong. */
const falseAlarmRate = 1e-6;

/** Requests that the smallest share should get. With 100, a share clearly differs from one of twice its size. */
const requestsOfSmallestShare = 100;
const largestSample = 2000;
/** Sample for shares of 0 and 1. It shows an unwanted share of about 5 % or more. */
const sampleWithoutShares = 200;

/** Returns the number of requests that shows wrong shares. Shares near 0 and near 1 need more requests. */
export function sampleSize(shares: readonly number[]): number {
  const parts = shares.map((share) => Math.min(share, 1 - share)).filter((part) => part > 0);
  if (parts.length === 0) return sampleWithoutShares;
  return Math.min(largestSample, Math.round(requestsOfSmallestShare / Math.min(...parts)));
}

/**
 * Reports whether a count out of all requests is plausible for a share.
 *
 * @returns undefined if the share is too small, or too near 1, for this number of requests
 * @example
 * matchesShare(100, 200, 0.5); // true
 * matchesShare(65, 200, 0.5); // false
 * matchesShare(0, 2000, 0.001); // undefined
 */
export function matchesShare(count: number, all: number, share: number): boolean | undefined {
  if (share <= 0 || share >= 1) return count === (share <= 0 ? 0 : all);
  if (!isPlausible(count, all, share)) return false;
  return count === 0 || count === all ? undefined : true;
}

/** Returns the result of an assertion about shares, from the result of `matchesShare`. */
export function shareResult(expected: string, seen: string, all: number, holds: boolean | undefined): AssertionResult {
  if (holds !== undefined) return seenResult(expected, seen, holds);
  return notSeenResult(expected, `${all} requests are too few to tell this share from none or all`);
}

/** Reports whether a count this far from the share is likelier than half the false-alarm rate (binomial tail). */
function isPlausible(count: number, all: number, share: number): boolean {
  const tail = count <= all * share ? lowerTail(count, all, share) : lowerTail(all - count, all, 1 - share);
  return tail > falseAlarmRate / 2;
}

/** Returns the probability of at most `count` hits, for a count below the expected one. The terms of its sum shrink. */
function lowerTail(count: number, all: number, share: number): number {
  let logarithm = count * Math.log(share) + (all - count) * Math.log1p(-share);
  for (let hit = 1; hit <= count; hit++) logarithm += Math.log((all - count + hit) / hit);
  let sum = 0;
  let ratio = 1;
  for (let hits = count; hits >= 0; hits--) {
    sum += ratio;
    ratio *= (hits / (all - hits + 1)) * ((1 - share) / share);
  }
  return Math.exp(logarithm) * sum;
}
