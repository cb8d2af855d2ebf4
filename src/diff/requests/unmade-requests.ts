import { removedByOne, unseenRemoval } from '../changed-headers.ts';
import type { NotCompared } from '../comparison.ts';
import type { SecretMarks } from '../secret-values.ts';
import type { ClassRequest } from './class-request.ts';
import { type Condition, type FixedParts, type RequestParts, shownConditionText } from './condition.ts';
import { conditionsOf, type Formula } from './formula.ts';
import { chooseRoute, type ParsedRoute, type ParsedSide } from './parse-side.ts';
import { unmetConditions, type Variable } from './variables.ts';

/** Returns the conditions that no request satisfies, or whose truth is not known. */
export function unmetNotes(
  variables: readonly Variable[],
  conditions: readonly Condition[],
  secrets: SecretMarks,
): NotCompared[] {
  const reason = 'no request was found that satisfies it and that a client can send';
  const never = variables.flatMap((variable) =>
    unmetConditions(variable).map((condition) => ({ subject: shownConditionText(condition, secrets), reason })),
  );
  const unknown = conditions.flatMap((condition) =>
    condition.kind === 'unknown' ? [{ subject: shownConditionText(condition, secrets), reason: condition.reason }] : [],
  );
  return [...never, ...unknown];
}

/** Returns the issuers of tokens for which the mesh has no key. */
export function unsignedNotes(sides: readonly ParsedSide[], canSignFor: (issuer: string) => boolean): NotCompared[] {
  const issuers = new Set(sides.flatMap(({ providers }) => providers.map(({ issuer }) => issuer)));
  return [...issuers]
    .filter((issuer) => !canSignFor(issuer))
    .map((issuer) => ({ subject: `tokens of ${issuer}`, reason: 'meshmock does not have a key of this issuer' }));
}

/** Returns the routes that no request takes, without those that an earlier route with fewer conditions hides. */
export function unreachedNotes(
  sides: readonly { readonly side: ParsedSide; readonly fixed: FixedParts }[],
  requests: readonly RequestParts[],
  secrets: SecretMarks,
): NotCompared[] {
  const unreached = sides.flatMap(({ side, fixed }) => {
    const choices = requests.map((parts) => chooseRoute(side, parts, fixed));
    // A choice that is not known may be each route from this one on.
    const unknownFrom = Math.min(...choices.map((one) => (one.kind === 'unknown' ? one.index : Infinity)));
    const taken = new Set(choices.map((one) => (one.kind === 'route' ? one.index : -1)));
    return side.routes.filter(
      (route, index) => index < unknownFrom && !taken.has(index) && !isHidden(route, side.routes.slice(0, index)),
    );
  });
  const subjects = unreached.map(({ route, causes: [cause], formula }) => {
    const conditions = conditionsOf(formula).map((condition) => shownConditionText(condition, secrets));
    return `route ${route.name ?? cause?.name ?? ''} ${conditions.join(' ')}`.replaceAll('  ', ' ').trim();
  });
  return [...new Set(subjects)].map((subject) => ({ subject, reason: 'no request was found that takes it' }));
}

/** Reports whether an earlier route has no condition that this one does not have. */
function isHidden({ formula }: ParsedRoute, earlier: readonly ParsedRoute[]): boolean {
  const own = new Set(partsOfAll(formula));
  return earlier.some((route) => partsOfAll(route.formula).every((part) => own.has(part)));
}

function partsOfAll(formula: Formula): string[] {
  return formula.kind === 'all' ? formula.of.flatMap(partsOfAll) : [JSON.stringify(formula)];
}

/** Returns the headers that only one side removes, and that no request has. */
export function unremovedNotes(requests: readonly Pick<ClassRequest, 'request' | 'before' | 'after'>[]): NotCompared[] {
  const sent = new Set(requests.flatMap(({ request }) => request.headers.map(({ name }) => name)));
  const names = requests.flatMap(({ before, after }) =>
    removedByOne('request_headers_to_remove', before?.route, after?.route),
  );
  return [...new Set(names)].filter((name) => !sent.has(name)).map(unseenRemoval);
}
