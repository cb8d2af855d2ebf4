import type { Header } from '../../plan/plan.ts';
import { basePaths } from '../base-paths.ts';
import { removedByOne } from '../changed-headers.ts';
import type { NotCompared } from '../comparison.ts';
import type { ProbeCondition, ProbeRequest } from '../probe.ts';
import type { SecretMarks } from '../secret-values.ts';
import { type ChangedRule, type ClassRequest, causesOfRoutes, causesOfRules, changedRules } from './class-request.ts';
import { allChoices, type Choice, countChoices, mostCombinations, pairwiseChoices, valuesOf } from './combine.ts';
import {
  aspectOf,
  type Condition,
  conditionText,
  type FixedParts,
  fullPath,
  holds,
  type RequestParts,
  shownConditionText,
} from './condition.ts';
import { directedChoices } from './directed-choices.ts';
import type { EdgeSide, RequestEdge } from './edge-side.ts';
import { conditionsOf, distinct, type Formula } from './formula.ts';
import { corsConditions, headerConditions } from './header-conditions.ts';
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
import { unmetNotes, unreachedNotes, unremovedNotes, unsignedNotes } from './unmade-requests.ts';
import { partsKey, textVariables, type Variable } from './variables.ts';

/** Requests that the conditions of both sides distinguish. */
export interface EdgeRequests {
  readonly requests: readonly ClassRequest[];
  readonly notCompared: readonly NotCompared[];
  /** True if there is a request for each combination; false if only pairs of conditions are combined. */
  readonly isFullProduct: boolean;
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

class RequestMaker {
  private readonly edge: RequestEdge;
  private readonly before: ParsedSide;
  private readonly after: ParsedSide;
  private readonly base: RequestParts;
  private readonly formulas: readonly Formula[];
  private readonly conditions: readonly Condition[];
  /** Conditions as reports show them, without those that are the same for all requests. */
  private readonly shown: ReadonlyMap<Condition, Omit<ProbeCondition, 'isSatisfied'>>;
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
    const shown = this.conditions.filter(({ kind }) => kind !== 'port');
    this.shown = new Map(shown.map((condition) => [condition, shownCondition(condition, edge.secrets)]));
    this.changedRules = changedRules(before, after);
    this.variables = edge.protocol === 'tcp' ? [] : this.makeVariables();
  }

  make(): EdgeRequests {
    const { sizes } = this;
    const isFullProduct = countChoices(sizes) <= mostCombinations;
    const directed = isFullProduct ? [] : directedChoices(this.formulas, this.variables);
    const choices = isFullProduct ? allChoices(sizes) : [...directed, ...pairwiseChoices(sizes, directed)];
    const parts = choices.map((choice) => this.partsOf(choice));
    const unique = [...new Map(parts.map((one) => [partsKey(one), one])).values()];
    const requests = unique.map((one) => this.classRequest(this.withRemoved(one)));
    return {
      requests,
      notCompared: this.notes(unique, requests),
      isFullProduct,
    };
  }

  private notes(all: readonly RequestParts[], requests: readonly ClassRequest[]): NotCompared[] {
    const { before, after, edge } = this;
    const sides = edge.protocol === 'tcp' ? [] : [before, after].map((side) => ({ side, fixed: this.fixed(side) }));
    return [
      ...unmetNotes(this.variables, this.conditions, edge.secrets),
      ...unreachedNotes(sides, all, edge.secrets),
      ...unsignedNotes([before, after], edge.canSignFor),
      ...unremovedNotes(requests),
    ];
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

  private partsOf(choice: Choice): RequestParts {
    return valuesOf(choice, this.variables).reduce((parts, { apply }) => apply(parts), this.base);
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
        const shown = this.shown.get(condition);
        return shown === undefined || isSatisfied === undefined ? [] : [{ ...shown, isSatisfied }];
      }),
      before,
      after,
      routes: choices.map((choice) => (choice.kind === 'none' ? 'none' : `${choice.kind} ${choice.index}`)).join(', '),
      isAllowed: isAllowed(this.before, parts, fixed) !== false && isAllowed(this.after, parts, fixedAfter) !== false,
      takesDirectives: this.takesDirectives(parts),
      takesTextAnswer: this.isSameClass(parts, { ...parts, headers: new Map([...parts.headers, textAnswer]) }),
      causes: [
        ...causesOfRoutes(before, after),
        ...causesOfRules(this.changedRules, parts, { before: fixed, after: fixedAfter }),
      ],
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
}

/** Header with which a mock answers with a text, and not with its reply. */
export const textAnswer = ['accept', 'text/plain'] as const;

/** Directive of the kind that probes send to callees. */
const sampleDirective = '/~status=503';

function shownCondition(condition: Condition, secrets: SecretMarks): Omit<ProbeCondition, 'isSatisfied'> {
  const [text, shown] = [conditionText(condition), shownConditionText(condition, secrets)];
  return { text, ...(shown === text ? {} : { shown }), aspect: aspectOf(condition) };
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

function routeOf(side: ParsedSide, choice: RouteChoice): ParsedRoute | undefined {
  return choice.kind === 'route' ? side.routes[choice.index] : undefined;
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
