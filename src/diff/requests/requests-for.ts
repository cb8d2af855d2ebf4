import type { Header } from '../../plan/plan.ts';
import { basePaths } from '../base-paths.ts';
import { removedByOne, unseenRemoval } from '../changed-headers.ts';
import type { Cause, NotCompared, ProbeCondition, ProbeRequest } from '../model.ts';
import { allChoices, type Choice, countChoices, mostCombinations, pairwiseChoices, valuesOf } from './combine.ts';
import {
  aspectOf,
  type Condition,
  conditionKey,
  conditionText,
  type FixedParts,
  fullPath,
  holds,
  type RequestParts,
  shownConditionText,
} from './condition.ts';
import { corsConditions } from './cors.ts';
import type { EdgeSide, RequestEdge } from './edge-side.ts';
import { alternatives, conditionsOf, distinct, type Formula, satisfies } from './formula.ts';
import { headerConditions } from './header-conditions.ts';
import {
  chooseRoute,
  isAllowed,
  type ParsedRoute,
  type ParsedSide,
  parseSide,
  type RouteChoice,
} from './parse-side.ts';
import { isSettableHeader } from './sendable.ts';
import { tokenConditions, tokenVariable } from './token-variable.ts';
import { partsKey, textVariables, unmetConditions, type Variable } from './variables.ts';

/** Requests that the conditions of both sides distinguish. */
export interface EdgeRequests {
  readonly requests: readonly ClassRequest[];
  readonly notCompared: readonly NotCompared[];
  /** True if there is a request for each combination; false if only pairs of conditions are combined. */
  readonly isFullProduct: boolean;
}

/** A request, and the class that it represents. */
export interface ClassRequest {
  readonly request: ProbeRequest;
  /** All conditions of both sides, each with its truth. */
  readonly conditions: readonly ProbeCondition[];
  /** Routes that the request takes on the two sides; undefined if it takes none, or if it is not known. */
  readonly before: ParsedRoute | undefined;
  readonly after: ParsedRoute | undefined;
  /** Key of both routes: the `routes` of its probes. */
  readonly routes: string;
  /** False if rules of a side refuse the request, as far as it is known. */
  readonly isAllowed: boolean;
  /** True if directives for the callee may precede the path, or need no place in it: the conditions have the same results. */
  readonly takesDirectives: boolean;
  /** True if the request may ask for an answer as text, by its header `accept`: the conditions have the same results. */
  readonly takesTextAnswer: boolean;
  /** Objects that decide about the request and are not the same on both sides. */
  readonly causes: readonly Cause[];
}

/**
 * Returns requests for all classes that the routes, rules and token requirements of both sides distinguish: for each
 * route one that takes it and for each of its conditions one that just misses it, if a client can send them.
 */
export function requestsFor(edge: RequestEdge, before: EdgeSide, after: EdgeSide): EdgeRequests {
  return new RequestMaker(edge, parseSide(before), parseSide(after)).make();
}

/**
 * Returns one request for each pair of routes, for the modes that are not plain: one that rules allow, if there is any.
 */
export function representatives(requests: readonly ClassRequest[]): ClassRequest[] {
  const byRoutes = new Map<string, ClassRequest>();
  for (const request of requests) {
    const known = byRoutes.get(request.routes);
    if (known === undefined || (!known.isAllowed && request.isAllowed)) byRoutes.set(request.routes, request);
  }
  return [...byRoutes.values()];
}

/** Rule that only one side has, or that both sides have with different contents. */
type ChangedRule = ParsedSide['rules'][number] & { readonly side: 'before' | 'after' };

class RequestMaker {
  private readonly edge: RequestEdge;
  private readonly before: ParsedSide;
  private readonly after: ParsedSide;
  private readonly base: RequestParts;
  private readonly formulas: readonly Formula[];
  private readonly conditions: readonly Condition[];
  private readonly variables: readonly Variable[];
  private readonly changedRules: readonly ChangedRule[];

  constructor(edge: RequestEdge, before: ParsedSide, after: ParsedSide) {
    this.edge = edge;
    this.before = before;
    this.after = after;
    this.base = baseParts(edge);
    this.formulas = [before, after].flatMap(({ routes, rules }) => [...routes, ...rules].map(({ formula }) => formula));
    const asked = [
      ...this.formulas.flatMap(conditionsOf),
      ...corsConditions(before.routes, after.routes),
      ...headerConditions(before.routes, after.routes),
    ];
    this.conditions = distinct([...asked, ...tokenConditions(this.signable())]);
    this.changedRules = this.findChangedRules();
    this.variables = edge.protocol === 'tcp' ? [] : this.makeVariables();
  }

  make(): EdgeRequests {
    const { sizes } = this;
    const isFullProduct = countChoices(sizes) <= mostCombinations;
    const directed = isFullProduct ? [] : this.directedChoices();
    const choices = isFullProduct ? allChoices(sizes) : [...directed, ...pairwiseChoices(sizes, directed)];
    const parts = choices.map((choice) => this.partsOf(choice));
    const unique = [...new Map(parts.map((one) => [partsKey(one), one])).values()];
    const requests = unique.map((one) => this.classRequest(this.withRemoved(one)));
    return {
      requests,
      notCompared: [...this.unmade(), ...this.unreached(unique), ...this.unsigned(), ...unremoved(requests)],
      isFullProduct,
    };
  }

  private get sizes(): number[] {
    return this.variables.map(({ values }) => values.length);
  }

  private makeVariables(): Variable[] {
    const { base, conditions, formulas, edge } = this;
    const context = {
      protocol: edge.protocol,
      base,
      fixed: this.fixed(this.before),
      servesAuthority: (authority: string) =>
        [this.before, this.after].every(({ domains }) => domains.some((domain) => servesDomain(domain, authority))),
    };
    const token = tokenVariable(this.signable(), formulas, conditions, context);
    return [...textVariables(conditions, context), ...(token === undefined ? [] : [token])];
  }

  private fixed({ identity }: ParsedSide): FixedParts {
    return { identity, port: this.edge.port, scheme: this.edge.scheme };
  }

  /** Returns the providers of both sides for which the mesh can sign tokens. Those of one issuer may accept others. */
  private signable(): ParsedSide['providers'] {
    const all = [...this.before.providers, ...this.after.providers].filter(({ issuer }) =>
      this.edge.canSignFor(issuer),
    );
    return [...new Map(all.map((provider) => [JSON.stringify(provider), provider])).values()];
  }

  private unsigned(): NotCompared[] {
    const issuers = [...this.before.providers, ...this.after.providers].map(({ issuer }) => issuer);
    return [...new Set(issuers)]
      .filter((issuer) => !this.edge.canSignFor(issuer))
      .map((issuer) => ({ subject: `tokens of ${issuer}`, reason: 'meshmock does not have a key of this issuer' }));
  }

  private partsOf(choice: Choice): RequestParts {
    return valuesOf(choice, this.variables).reduce((parts, { apply }) => apply(parts), this.base);
  }

  /** Returns, for each alternative of each route and rule, a choice that satisfies it, and one that just misses each part. */
  private directedChoices(): Choice[] {
    const wanted = this.formulas.flatMap((formula) =>
      alternatives(formula).map(
        (literals) => new Map(literals.map(({ condition, isPositive }) => [conditionKey(condition), isPositive])),
      ),
    );
    const nearest = (demand: Demand): Choice => this.variables.map((variable) => nearestValue(variable, demand));
    const satisfying = wanted.map(nearest);
    const missing = wanted.flatMap((demand) =>
      [...demand].map(([key, isPositive]) => nearest(new Map([...demand, [key, !isPositive]]))),
    );
    const all = distinctChoices([this.sizes.map(() => 0), ...satisfying, ...missing]);
    return all.slice(0, Math.max(mostCombinations, satisfying.length));
  }

  /** Adds the headers that the route of only one side removes, if the request satisfies the same conditions with them. */
  private withRemoved(parts: RequestParts): RequestParts {
    const [before, after] = [this.before, this.after].map(
      (side) => routeOf(side, chooseRoute(side, parts, this.fixed(side)))?.route,
    );
    const fixed = this.fixed(this.before);
    let known = parts;
    for (const name of removedByOne('request_headers_to_remove', before, after)) {
      const more = { ...known, headers: new Map([...known.headers, [name, 'probe']]) };
      const isSame = this.conditions.every((one) => holds(one, parts, fixed) === holds(one, more, fixed));
      if (!known.headers.has(name) && isSettableHeader(name) && isSame) known = more;
    }
    return known;
  }

  private classRequest(parts: RequestParts): ClassRequest {
    const fixed = this.fixed(this.before);
    const fixedAfter = this.fixed(this.after);
    const choices = [chooseRoute(this.before, parts, fixed), chooseRoute(this.after, parts, fixedAfter)] as const;
    const before = routeOf(this.before, choices[0]);
    const after = routeOf(this.after, choices[1]);
    return {
      request: this.requestOf(parts),
      conditions: this.conditions.flatMap((condition): ProbeCondition[] => {
        const isSatisfied = holds(condition, parts, fixed);
        const isShown = condition.kind !== 'port' && isSatisfied !== undefined;
        const [text, shown] = [conditionText(condition), shownConditionText(condition, this.edge.secrets)];
        const known = { text, ...(shown === text ? {} : { shown }), aspect: aspectOf(condition) };
        return isShown ? [{ ...known, isSatisfied }] : [];
      }),
      before,
      after,
      routes: choices.map((choice) => (choice.kind === 'none' ? 'none' : `${choice.kind} ${choice.index}`)).join(', '),
      isAllowed: isAllowed(this.before, parts, fixed) !== false && isAllowed(this.after, parts, fixedAfter) !== false,
      takesDirectives: this.takesDirectives(parts),
      takesTextAnswer: this.isSameClass(parts, { ...parts, headers: new Map([...parts.headers, textAnswer]) }),
      causes: [...changedRoutes(before, after), ...this.rulesFor(parts, { before: fixed, after: fixedAfter })],
    };
  }

  private takesDirectives(parts: RequestParts): boolean {
    // Methods of gRPC have them in the metadata, and routes of TCP do not see the text.
    if (this.edge.protocol !== 'http') return true;
    return this.isSameClass(parts, { ...parts, path: `${sampleDirective}${parts.path}` });
  }

  /** Reports whether the conditions of both sides do not distinguish two requests. */
  private isSameClass(parts: RequestParts, others: RequestParts): boolean {
    return [this.before, this.after].every((side) => {
      const fixed = this.fixed(side);
      return this.conditions.every((one) => holds(one, parts, fixed) === holds(one, others, fixed));
    });
  }

  /** Returns the rules that only one side has, or that both sides have with different contents. */
  private findChangedRules(): ChangedRule[] {
    // A rule that another one has moved is the same.
    const key = ({ name, action, formula }: ParsedSide['rules'][number]): string =>
      JSON.stringify([name.replace(/rule\[\d+\]/, ''), action, formula]);
    const [before, after] = [this.before.rules, this.after.rules].map((rules) => new Set(rules.map(key)));
    return [
      ...this.after.rules
        .filter((rule) => before?.has(key(rule)) !== true)
        .map((rule): ChangedRule => ({ ...rule, side: 'after' })),
      ...this.before.rules
        .filter((rule) => after?.has(key(rule)) !== true)
        .map((rule): ChangedRule => ({ ...rule, side: 'before' })),
    ];
  }

  /** Returns the changed rules that a request satisfies; all of them if it satisfies none, and so is refused. */
  private rulesFor(parts: RequestParts, fixed: Readonly<Record<ChangedRule['side'], FixedParts>>): Cause[] {
    const satisfied = this.changedRules.filter(({ formula, side }) => satisfies(formula, parts, fixed[side]) !== false);
    const deciding = satisfied.length > 0 ? satisfied : this.changedRules;
    const causes = deciding.flatMap(({ cause }) => cause ?? []);
    return [...new Map(causes.map((cause) => [JSON.stringify(cause), cause])).values()];
  }

  private requestOf(parts: RequestParts): ProbeRequest {
    return {
      protocol: this.edge.protocol,
      method: parts.method,
      path: fullPath(parts),
      authority: parts.authority === this.edge.authority ? undefined : parts.authority,
      headers: [...parts.headers].map(([name, value]): Header => ({ name, value })),
      token: parts.token,
    };
  }

  private unmade(): NotCompared[] {
    const never = this.variables.flatMap((variable) =>
      unmetConditions(variable).map((condition) => ({
        subject: shownConditionText(condition, this.edge.secrets),
        reason: 'no request was found that satisfies it and that a client can send',
      })),
    );
    const unknown = this.conditions.flatMap((condition) =>
      condition.kind === 'unknown'
        ? [{ subject: shownConditionText(condition, this.edge.secrets), reason: condition.reason }]
        : [],
    );
    return [...never, ...unknown];
  }

  /** Returns the routes that no request takes, without those that an earlier route with fewer conditions hides. */
  private unreached(requests: readonly RequestParts[]): NotCompared[] {
    if (this.edge.protocol === 'tcp') return [];
    const sides = [this.before, this.after].flatMap((side) => {
      const choices = requests.map((parts) => chooseRoute(side, parts, this.fixed(side)));
      // A choice that is not known may be each route from this one on.
      const unknownFrom = Math.min(...choices.map((one) => (one.kind === 'unknown' ? one.index : Infinity)));
      const taken = new Set(choices.map((one) => (one.kind === 'route' ? one.index : -1)));
      return side.routes.filter(
        (route, index) => index < unknownFrom && !taken.has(index) && !isHidden(route, side.routes.slice(0, index)),
      );
    });
    const subjects = sides.map(({ route, causes: [cause], formula }) => {
      const conditions = conditionsOf(formula)
        .map((condition) => shownConditionText(condition, this.edge.secrets))
        .join(' ');
      return `route ${route.name ?? cause?.name ?? ''} ${conditions}`.replaceAll('  ', ' ').trim();
    });
    return [...new Set(subjects)].map((subject) => ({ subject, reason: 'no request was found that takes it' }));
  }
}

/** Header with which a mock answers with a text, and not with its reply. */
export const textAnswer = ['accept', 'text/plain'] as const;

/** Directive of the kind that probes send to callees. */
const sampleDirective = '/~status=503';

/** Returns the headers that only one side removes, and that no request has. */
function unremoved(requests: readonly ClassRequest[]): NotCompared[] {
  const sent = new Set(requests.flatMap(({ request }) => request.headers.map(({ name }) => name)));
  const names = requests.flatMap(({ before, after }) =>
    removedByOne('request_headers_to_remove', before?.route, after?.route),
  );
  return [...new Set(names)].filter((name) => !sent.has(name)).map(unseenRemoval);
}

/** Truth that conditions must have, by their keys. */
type Demand = ReadonlyMap<string, boolean>;

/** Returns the index of the first value that meets the most of a demand. */
function nearestValue({ conditions, values }: Variable, demand: Demand): number {
  const misses = values.map(
    ({ truth }) =>
      conditions.filter((condition, index) => (demand.get(conditionKey(condition)) ?? truth[index]) !== truth[index])
        .length,
  );
  return misses.indexOf(Math.min(...misses));
}

function baseParts({ protocol, authority }: RequestEdge): RequestParts {
  return {
    path: basePaths[protocol],
    query: new Map(),
    method: protocol === 'grpc' ? 'POST' : 'GET',
    authority,
    headers: new Map(),
    token: undefined,
    acceptedAudiences: [],
  };
}

function distinctChoices(choices: readonly Choice[]): Choice[] {
  return [...new Map(choices.map((choice) => [choice.join(), choice])).values()];
}

function routeOf(side: ParsedSide, choice: RouteChoice): ParsedRoute | undefined {
  return choice.kind === 'route' ? side.routes[choice.index] : undefined;
}

/** Returns the causes of two routes that are not the same, the later side's first. */
function changedRoutes(before: ParsedRoute | undefined, after: ParsedRoute | undefined): Cause[] {
  const contents = (one: ParsedRoute | undefined): string => JSON.stringify(one?.route ?? null);
  if (contents(before) === contents(after)) return [];
  return [...(after?.causes ?? []), ...(before?.causes ?? [])];
}

/** Reports whether an earlier route has no condition that this one does not have. */
function isHidden({ formula }: ParsedRoute, earlier: readonly ParsedRoute[]): boolean {
  const own = new Set(partsOfAll(formula));
  return earlier.some((route) => partsOfAll(route.formula).every((part) => own.has(part)));
}

function partsOfAll(formula: Formula): string[] {
  return formula.kind === 'all' ? formula.of.flatMap(partsOfAll) : [JSON.stringify(formula)];
}

/** Reports whether a domain of a virtual host includes an authority. */
function servesDomain(domain: string, authority: string): boolean {
  const [wanted, host] = [domain.toLowerCase(), authority.toLowerCase()];
  const plain = host.replace(/:\d+$/, '');
  if (wanted === '*') return true;
  if (wanted.startsWith('*')) return plain.endsWith(wanted.slice(1)) && plain.length > wanted.length - 1;
  if (wanted.endsWith('*')) return host.startsWith(wanted.slice(0, -1));
  return wanted === host || wanted === plain;
}
