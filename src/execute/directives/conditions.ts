import type { Condition } from '../../plan/plan.ts';
import type { Identity } from '../../reply/reply.ts';
import type { Chance } from './chance.ts';

/** What conditions look at, besides chance. */
export interface Circumstances {
  readonly identity: Identity;
  /** Which attempt the request is, from 1. */
  readonly attempt: number;
}

const shareScale = 1_000_000;

/**
 * Whether all conditions hold. A share is one of the requests for which the others hold.
 *
 * @param key names the directive: its shares are counted by themselves
 */
export function allHold(
  conditions: readonly Condition[],
  key: () => string,
  circumstances: Circumstances,
  chance: Chance,
): boolean {
  const drawn: [hits: number, of: number][] = [];
  for (const condition of conditions) {
    if (condition.kind === 'share') drawn.push([Math.round(condition.share * shareScale), shareScale]);
    else if (condition.kind === 'one-in') drawn.push([condition.hits, condition.of]);
    else if (!holds(condition, circumstances)) return false;
  }
  return drawn.every(([hits, of], index) => chance.isHit(`${key()} ${index}`, hits, of));
}

function holds(
  condition: Exclude<Condition, { kind: 'share' | 'one-in' }>,
  { identity, attempt }: Circumstances,
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
