import type { Condition } from '../../plan/plan.ts';
import type { Identity } from '../../reply/reply.ts';
import type { Chance } from './chance.ts';

/** Facts about the service and the request that conditions compare. */
export interface ConditionFacts {
  readonly identity: Identity;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
}

/** Shares are drawn in parts per million. */
const shareScale = 1_000_000;

/**
 * Reports whether all conditions hold. A share counts only requests for which the other conditions hold.
 *
 * @param key returns the key of the directive, since each directive draws its own shares
 */
export function allHold(
  conditions: readonly Condition[],
  key: () => string,
  facts: ConditionFacts,
  chance: Chance,
): boolean {
  const drawn: [hits: number, of: number][] = [];
  for (const condition of conditions) {
    if (condition.kind === 'share') drawn.push([Math.round(condition.share * shareScale), shareScale]);
    else if (condition.kind === 'one-in') drawn.push([condition.hits, condition.of]);
    else if (!holds(condition, facts)) return false;
  }
  return drawn.every(([hits, of], index) => chance.isHit(`${key()} ${index}`, hits, of));
}

function holds(
  condition: Exclude<Condition, { kind: 'share' | 'one-in' }>,
  { identity, attempt }: ConditionFacts,
): boolean {
  switch (condition.kind) {
    case 'attempt-below':
      return attempt < condition.attempt;
    case 'attempt':
      return attempt === condition.attempt;
    case 'version':
      return identity.version === condition.version;
    case 'pod':
      return identity.pod?.startsWith(condition.pod) === true;
    case 'zone':
      return identity.zone === condition.zone;
  }
}
