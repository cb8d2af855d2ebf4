/** How often the count of a right share is taken for that of a wrong one. */
const falseAlarm = 1e-6;

/** So many hits of the smallest share tell it from one of twice that size. */
const hitsToSee = 100;
const longestSample = 2000;
/** Where a share is all or nothing: what there should not be at all is found from one in twenty on. */
const plainSample = 200;

/** How many requests tell shares from others; the smaller they are, or what is beside them, the more. */
export function sampleSize(shares: readonly number[]): number {
  const parts = shares.map((share) => Math.min(share, 1 - share)).filter((part) => part > 0);
  return parts.length === 0 ? plainSample : Math.min(longestSample, Math.round(hitsToSee / Math.min(...parts)));
}

/** Whether so many of all are a share, as far as chance lets it be seen: undefined for one too small to be told from none. */
export function matchesShare(count: number, all: number, share: number): boolean | undefined {
  if (share <= 0 || share >= 1) return count === (share <= 0 ? 0 : all);
  if (!isPlausible(count, all, share)) return false;
  return count === 0 || count === all ? undefined : true;
}

/** A share of which nobody can tell whether it is there. */
export function tooFewRequests(all: number): { readonly seen: string; readonly holds: undefined } {
  return { seen: `${all} requests do not tell so small a share from none`, holds: undefined };
}

/** Whether chance makes so many of all, or something that is further off, of a share in more than so few cases. */
function isPlausible(count: number, all: number, share: number): boolean {
  const tail = count <= all * share ? tailBelow(count, all, share) : tailBelow(all - count, all, 1 - share);
  return tail > falseAlarm / 2;
}

/** The probability of at most so many hits, which are fewer than are to be expected: its terms only shrink. */
function tailBelow(count: number, all: number, share: number): number {
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
