import { isIPv4 } from 'node:net';
import { addressViews } from './address-views.ts';
import { type BuiltInRange, builtInRanges } from './built-in-rules.ts';
import { type AddressRange, type HostPattern, parseTargetPattern, type TargetPattern } from './target-pattern.ts';

interface Rule<Pattern> {
  readonly pattern: Pattern;
  readonly allows: boolean;
  /** Reason of a rule that meshmock has itself. */
  readonly builtIn?: string;
}

export interface TargetRuleSettings {
  readonly allow: readonly TargetPattern[];
  readonly deny: readonly TargetPattern[];
}

/**
 * Rules about the targets that a service may dial. The most specific rule decides: the longest prefix that contains an
 * address, and the longest pattern that matches a name. Of two equal ones, a denial decides, but a rule of the user
 * comes before one that is built in.
 *
 * A name that is allowed may have addresses that the user denies, but none in a built-in range: a name can get any
 * address.
 *
 * @example
 * const rules = new TargetRules({ allow: [], deny: [parseTargetPattern('10.0.0.0/8')] });
 * rules.refuseAddress('10.1.2.3', []); // '10.1.2.3 is blocked (--deny-target 10.0.0.0/8; --allow-target 10.1.2.3 allows it)'
 */
export class TargetRules {
  private readonly addressRules: readonly Rule<AddressRange>[];
  private readonly hostRules: readonly Rule<HostPattern>[];

  constructor({ allow, deny }: TargetRuleSettings, builtIn: readonly BuiltInRange[] = builtInRanges) {
    // Of equal rules, the first one decides.
    const rules = [
      ...deny.map((pattern) => ({ pattern, allows: false })),
      ...allow.map((pattern) => ({ pattern, allows: true })),
      ...builtIn.map(({ range, reason }) => ({ pattern: parseTargetPattern(range), allows: false, builtIn: reason })),
    ];
    this.addressRules = rules
      .flatMap(({ pattern, ...rule }) => (pattern.kind === 'addresses' ? [{ ...rule, pattern }] : []))
      .sort((a, b) => b.pattern.prefix - a.pattern.prefix);
    this.hostRules = rules
      .flatMap(({ pattern, ...rule }) => (pattern.kind === 'hosts' ? [{ ...rule, pattern }] : []))
      .sort((a, b) => (a.pattern.length === b.pattern.length ? 0 : b.pattern.length - a.pattern.length));
  }

  /**
   * Returns why none of a target's addresses may be dialled, or undefined if its addresses decide.
   *
   * @param names names of the target, in lower case: as written, and as a name server knows it
   */
  refuseName(names: readonly string[]): string | undefined {
    const rule = this.hostRule(names);
    if (rule === undefined || rule.allows) return undefined;
    const isExact = rule.pattern.length === Number.POSITIVE_INFINITY;
    return refusalText(names.slice(0, 1), `--deny-target ${rule.pattern.text}`, isExact ? undefined : names[0]);
  }

  /**
   * Returns why an address may not be dialled, or undefined if it may.
   *
   * @param names names that led to the address; empty if the address was written itself
   */
  refuseAddress(address: string, names: readonly string[]): string | undefined {
    const isNameAllowed = this.hostRule(names)?.allows ?? false;
    for (const view of addressViews(address)) {
      const rule = this.addressRules.find(({ pattern }) => pattern.contains(view));
      if (rule === undefined || rule.allows || (isNameAllowed && rule.builtIn === undefined)) continue;
      const isExact = rule.builtIn === undefined && rule.pattern.prefix === bitsOf(view);
      const source = rule.builtIn === undefined ? '--deny-target ' : '';
      const reason = rule.builtIn === undefined ? '' : `, ${rule.builtIn}`;
      const subjects = [...names.slice(0, 1), address, view];
      return refusalText(subjects, `${source}${rule.pattern.text}${reason}`, isExact ? undefined : view);
    }
    return undefined;
  }

  private hostRule(names: readonly string[]): Rule<HostPattern> | undefined {
    return this.hostRules.find(({ pattern }) => names.some((name) => pattern.matches(name)));
  }
}

/** Rules that allow every target: users may dial what they name on their own command line. */
export const allowAllTargets = new TargetRules({ allow: [], deny: [] }, []);

const bitsOf = (address: string): number => (isIPv4(address) ? 32 : 128);

/**
 * @param subjects name, its address, and the address in this one; duplicates are left out
 * @param opener target that the user can allow; absent if no rule is more specific than the one that denies
 */
function refusalText(subjects: readonly string[], rule: string, opener: string | undefined): string {
  const [first, ...others] = new Set(subjects);
  const found = others.length === 0 ? '' : ` (${others.join(', ')})`;
  return `${first}${found} is blocked (${rule}${opener === undefined ? '' : `; --allow-target ${opener} allows it`})`;
}
