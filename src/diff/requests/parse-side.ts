import type { Cause } from '../cause.ts';
import { causeOfRule, causesOfRoute } from './causes.ts';
import type { FixedParts, RequestParts } from './condition.ts';
import type { EdgeSide, EnvoyRoute } from './edge-side.ts';
import { type Formula, satisfies } from './formula.ts';
import { parseRouteMatch } from './parse-matchers.ts';
import { type AccessFilter, type AccessRule, parseAccessFilters } from './parse-rules.ts';
import { parseTokenProviders, type TokenProvider } from './parse-tokens.ts';

/** Route of a virtual host, with its match as a formula. */
export interface ParsedRoute {
  readonly route: EnvoyRoute;
  readonly formula: Formula;
  readonly causes: readonly Cause[];
}

/** Both ends of an edge on one side, parsed. */
export interface ParsedSide {
  readonly domains: readonly string[];
  readonly routes: readonly ParsedRoute[];
  readonly filters: readonly AccessFilter[];
  /** Rules of all filters. */
  readonly rules: readonly (AccessRule & { readonly cause: Cause | undefined })[];
  readonly providers: readonly TokenProvider[];
  readonly identity: string | undefined;
}

/** Parses the configuration of both ends of an edge. */
export function parseSide({ virtualHost, inboundFilters, callerIdentity }: EdgeSide): ParsedSide {
  const filters = parseAccessFilters(inboundFilters);
  return {
    domains: virtualHost?.domains ?? ['*'],
    routes: (virtualHost?.routes ?? []).map((route) => ({
      route,
      formula: parseRouteMatch(route.match ?? {}),
      causes: causesOfRoute(route),
    })),
    filters,
    rules: filters.flatMap(({ rules }) => rules).map((rule) => ({ ...rule, cause: causeOfRule(rule.name) })),
    providers: parseTokenProviders(inboundFilters),
    identity: callerIdentity,
  };
}

/** Choice of a route for a request. */
export type RouteChoice =
  | { readonly kind: 'route'; readonly index: number }
  | { readonly kind: 'none' }
  /** Conditions that are not known decide. */
  | { readonly kind: 'unknown'; readonly index: number };

/** Returns the first route whose match a request satisfies, as Envoy chooses it. */
export function chooseRoute(side: Pick<ParsedSide, 'routes'>, parts: RequestParts, fixed: FixedParts): RouteChoice {
  for (const [index, { formula }] of side.routes.entries()) {
    const holds = satisfies(formula, parts, fixed);
    if (holds === undefined) return { kind: 'unknown', index };
    if (holds) return { kind: 'route', index };
  }
  return { kind: 'none' };
}

/** Reports whether the rules of a listener allow a request; undefined if unknown conditions decide. */
export function isAllowed(
  { filters }: Pick<ParsedSide, 'filters'>,
  parts: RequestParts,
  fixed: FixedParts,
): boolean | undefined {
  const verdicts = filters.map(({ action, rules }) => {
    if (action === 'LOG') return true;
    const any = satisfies({ kind: 'any', of: rules.map(({ formula }) => formula) }, parts, fixed);
    return action === 'ALLOW' || any === undefined ? any : !any;
  });
  if (verdicts.includes(false)) return false;
  return verdicts.includes(undefined) ? undefined : true;
}
