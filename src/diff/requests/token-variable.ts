import type { TokenClaims } from '../probe.ts';
import { type Condition, type FixedParts, matchesTextOf, type RequestParts } from './condition.ts';
import { alternatives, distinct, type Formula, type Literal } from './formula.ts';
import type { TokenProvider } from './parse-tokens.ts';
import { textsNear } from './text-values.ts';
import { classesOf, unchanged, type Variable } from './variables.ts';

type ClaimCondition = Extract<Condition, { kind: 'text' }>;

/** Subject of tokens for which no condition names another. */
const plainSubject = 'meshmock';

/**
 * Returns a variable for the token of a request, if the listener verifies tokens: none, one of each issuer, those that
 * satisfy the rules about claims, those that just miss one of them, and tokens that are expired, forged or for others.
 */
export function tokenVariable(
  providers: readonly TokenProvider[],
  formulas: readonly Formula[],
  conditions: readonly Condition[],
  { base, fixed }: { readonly base: RequestParts; readonly fixed: FixedParts },
): Variable | undefined {
  if (providers.length === 0) return undefined;
  const demands = claimDemands(formulas);
  const tokens = providers.flatMap((provider) => tokensOf(provider, demands));
  const asked = distinct([
    ...tokenConditions(providers),
    ...conditions.filter((condition) => condition.kind === 'text' && condition.subject.kind === 'claim'),
  ]);
  const candidates = tokens.map(
    ({ token, provider }) =>
      (parts: RequestParts): RequestParts => ({ ...parts, token, acceptedAudiences: provider.audiences }),
  );
  return { name: 'token', conditions: asked, values: classesOf([unchanged, ...candidates], asked, base, fixed) };
}

/** Returns conditions that keep the states, audiences and places of tokens apart. */
export function tokenConditions(providers: readonly TokenProvider[]): Condition[] {
  const states = ['valid', 'expired', 'wrong_signature'] as const;
  return [...Map.groupBy(providers, ({ issuer }) => issuer)].flatMap(([issuer, own]): Condition[] => {
    const valid = { kind: 'token', issuer, state: 'valid' } as const;
    const places = distinctPlaces(own);
    return [
      ...states.map((state): Condition => ({ kind: 'token', issuer, state })),
      ...[...new Set(own.flatMap(({ audiences }) => audiences))].map((audience): Condition => ({ ...valid, audience })),
      // One place is the same for all tokens.
      ...(places.length > 1 ? places.map((place): Condition => ({ ...valid, place })) : []),
    ];
  });
}

function distinctPlaces(providers: readonly TokenProvider[]): TokenClaims['place'][] {
  const places = providers.flatMap((provider) => provider.places);
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

/** Claims that an alternative of a rule demands, and those that it forbids. */
interface ClaimDemand {
  readonly wanted: readonly ClaimCondition[];
  readonly forbidden: readonly ClaimCondition[];
}

function claimDemands(formulas: readonly Formula[]): ClaimDemand[] {
  const demands = formulas.flatMap((formula) =>
    alternatives(formula).map((literals) => ({
      wanted: literals.filter(({ isPositive }) => isPositive).flatMap(claimOf),
      forbidden: literals.filter(({ isPositive }) => !isPositive).flatMap(claimOf),
    })),
  );
  return [...new Map(demands.map((demand) => [JSON.stringify(demand), demand])).values()].filter(
    ({ wanted, forbidden }) => wanted.length + forbidden.length > 0,
  );
}

function claimOf({ condition }: Literal): ClaimCondition[] {
  return condition.kind === 'text' && condition.subject.kind === 'claim' ? [condition] : [];
}

interface ProvidedToken {
  readonly token: TokenClaims;
  readonly provider: TokenProvider;
}

function tokensOf(provider: TokenProvider, demands: readonly ClaimDemand[]): ProvidedToken[] {
  const { issuer, audiences, places } = provider;
  const [place, ...otherPlaces] = places;
  const plain: TokenClaims = {
    state: 'valid',
    issuer,
    subject: plainSubject,
    audiences: audiences.slice(0, 1),
    claims: {},
    place,
  };
  const variants: TokenClaims[] = [
    plain,
    { ...plain, state: 'expired' },
    { ...plain, state: 'wrong_signature' },
    ...audiences.slice(1).map((audience) => ({ ...plain, audiences: [audience] })),
    ...(audiences.length === 0 ? [] : [{ ...plain, audiences: ['another-audience'] }]),
    ...otherPlaces.map((other) => ({ ...plain, place: other })),
    ...demands.flatMap(({ wanted, forbidden }) => [
      satisfying(plain, wanted),
      ...wanted.map((missed) =>
        satisfying(
          plain,
          wanted.filter((one) => one !== missed),
        ),
      ),
      ...wanted.flatMap((missed) => missing(satisfying(plain, wanted), missed)),
      ...forbidden.map((one) => satisfying(plain, [...wanted, one])),
    ]),
  ];
  return variants.map((token) => ({ token, provider }));
}

function satisfying(plain: TokenClaims, demand: readonly ClaimCondition[]): TokenClaims {
  return demand.reduce((token, condition) => {
    const text = textsNear(condition.match).find((one) => one !== '' && matchesTextOf(condition, one));
    return text === undefined ? token : withClaim(token, condition, text);
  }, plain);
}

/** Returns tokens with a claim that just misses a condition. */
function missing(token: TokenClaims, condition: ClaimCondition): TokenClaims[] {
  const text = textsNear(condition.match).find((one) => one !== '' && !matchesTextOf(condition, one));
  return text === undefined ? [] : [withClaim(token, condition, text)];
}

function withClaim(token: TokenClaims, { subject }: ClaimCondition, text: string): TokenClaims {
  if (subject.kind !== 'claim') return token;
  const [first = '', ...rest] = subject.path;
  if (first === 'iss') return token;
  if (rest.length === 0 && first === 'sub') return { ...token, subject: text };
  if (rest.length === 0 && first === 'aud') return { ...token, audiences: [...new Set([...token.audiences, text])] };
  return { ...token, claims: withPath(token.claims, [first, ...rest], text) };
}

function withPath(
  claims: Readonly<Record<string, unknown>>,
  [first = '', ...rest]: readonly string[],
  text: string,
): Record<string, unknown> {
  const inner = claims[first];
  if (rest.length > 0)
    return {
      ...claims,
      [first]: withPath(typeof inner === 'object' && inner !== null ? { ...inner } : {}, rest, text),
    };
  // A claim that two conditions demand is a list.
  const values = typeof inner === 'string' ? [inner] : Array.isArray(inner) ? inner : [];
  return { ...claims, [first]: values.length === 0 ? text : [...new Set([...values, text])] };
}
