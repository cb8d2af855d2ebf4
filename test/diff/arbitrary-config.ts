import type { RequestParts } from '../../src/diff/requests/condition.ts';
import type {
  EdgeSide,
  EnvoyFilter,
  EnvoyHeaderMatcher,
  EnvoyRoute,
  EnvoyRouteMatch,
  EnvoyStringMatcher,
} from '../../src/diff/requests/edge-side.ts';
import fc from '../fast-check.ts';

/** Routes, rules and requests over a small alphabet, so that random requests often meet random conditions. */
const texts = fc.constantFrom('a', 'ab', 'b', 'abc', 'c1');
const regexes = fc.constantFrom('a+', 'a[bc]*', '(a|b)c?', 'c[0-9]', '.*b', 'a.+');

const stringMatch: fc.Arbitrary<EnvoyStringMatcher> = fc.oneof(
  texts.map((exact) => ({ exact })),
  texts.map((exact) => ({ exact, ignore_case: true })),
  texts.map((prefix) => ({ prefix })),
  texts.map((suffix) => ({ suffix })),
  texts.map((contains) => ({ contains })),
  regexes.map((regex) => ({ safe_regex: { regex } })),
);

const headerNames = ['x-one', 'x-two'] as const;

const headerMatch: fc.Arbitrary<EnvoyHeaderMatcher> = fc.oneof(
  fc.record({ name: fc.constantFrom(...headerNames), string_match: stringMatch }),
  fc.record({
    name: fc.constantFrom(...headerNames),
    string_match: stringMatch,
    invert_match: fc.boolean(),
    treat_missing_header_as_empty: fc.boolean(),
  }),
  fc.record({ name: fc.constantFrom(...headerNames), present_match: fc.boolean(), invert_match: fc.boolean() }),
  fc.constantFrom('GET', 'POST').map((exact) => ({ name: ':method', string_match: { exact } })),
);

const paths = fc.constantFrom('/a', '/ab', '/a/b', '/b/', '/a/', '/c1');

const pathMatch: fc.Arbitrary<EnvoyRouteMatch> = fc.oneof(
  fc.constant({ prefix: '/' }),
  fc.record({ prefix: paths, case_sensitive: fc.boolean() }),
  fc.record({ path: paths, case_sensitive: fc.boolean() }),
  fc.constantFrom('/a', '/ab', '/a/b').map((prefix) => ({ path_separated_prefix: prefix })),
  fc.constantFrom('/a[b/]*', '/(a|b)/.*', '/c[0-9]', '/.*b').map((regex) => ({ safe_regex: { regex } })),
);

const queryMatch = fc.oneof(
  stringMatch.map((string_match) => ({ name: 'q', string_match })),
  fc.constant({ name: 'q', present_match: true }),
);

const route: fc.Arbitrary<EnvoyRoute> = fc
  .record({
    path: pathMatch,
    headers: fc.array(headerMatch, { maxLength: 2 }),
    query_parameters: fc.array(queryMatch, { maxLength: 1 }),
    cluster: fc.constantFrom('one', 'two'),
  })
  .map(({ path, headers, query_parameters, cluster }) => ({
    match: { ...path, headers, query_parameters },
    route: { cluster },
  }));

/** Returns an HTTP filter with rules, as istiod writes them. */
function rbacFilter(action: 'ALLOW' | 'DENY', policies: Readonly<Record<string, unknown>>): EnvoyFilter {
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      rules: { action, policies },
    },
  };
}

const permission = fc.oneof(
  fc.constant({ any: true }),
  headerMatch.map((header) => ({ header })),
  fc
    .oneof(
      paths.map((exact) => ({ exact })),
      paths.map((prefix) => ({ prefix })),
      fc.constantFrom('b', '/c1').map((suffix) => ({ suffix })),
    )
    .map((path) => ({ url_path: { path } })),
  fc.constantFrom(80, 8080).map((destination_port) => ({ destination_port })),
);

const permissions = fc.oneof(
  permission,
  fc.array(permission, { minLength: 1, maxLength: 3 }).map((rules) => ({ and_rules: { rules } })),
  fc.array(permission, { minLength: 1, maxLength: 3 }).map((rules) => ({ or_rules: { rules } })),
  permission.map((not_rule) => ({ not_rule })),
);

const principal = fc.oneof(
  fc.constant({ any: true }),
  fc
    .constantFrom('spiffe://cluster.local/ns/default/sa/a', 'spiffe://cluster.local/ns/default/sa/b')
    .map((exact) => ({ authenticated: { principal_name: { exact } } })),
  headerMatch.map((header) => ({ not_id: { header } })),
);

const filters = fc
  .array(
    fc.record({
      action: fc.constantFrom('ALLOW' as const, 'DENY' as const),
      permissions: fc.array(permissions, { minLength: 1, maxLength: 2 }),
      principals: fc.array(principal, { minLength: 1, maxLength: 2 }),
    }),
    { maxLength: 2 },
  )
  .map((rules) =>
    rules.map(({ action, ...policy }, index) =>
      rbacFilter(action, { [`ns[default]-policy[p${index}]-rule[0]`]: policy }),
    ),
  );

/** Both ends of an edge on one side. */
export const edgeSide: fc.Arbitrary<EdgeSide> = fc.record({
  virtualHost: fc.array(route, { maxLength: 4 }).map((routes) => ({ domains: ['*'], routes })),
  inboundFilters: filters,
  callerIdentity: fc.constantFrom(undefined, 'spiffe://cluster.local/ns/default/sa/a'),
});

const word = fc.constantFrom('a', 'ab', 'b', 'abc', 'c1', 'A', 'AB', 'x', 'aab', 'ca');

/** Request with parts of the same alphabet. */
export const requestParts: fc.Arbitrary<RequestParts> = fc.record({
  path: fc
    .array(word, { maxLength: 3 })
    .chain((segments) =>
      fc.constantFrom('', '/').map((end) => `/${segments.join('/')}${segments.length > 0 ? end : ''}`),
    ),
  query: fc.option(word).map((value) => new Map(value === null ? [] : [['q', value]])),
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  authority: fc.constant('reviews:9080'),
  headers: fc
    .array(fc.tuple(fc.constantFrom(...headerNames), word), { maxLength: 2 })
    .map((pairs) => new Map<string, string>(pairs)),
  token: fc.constant(undefined),
  acceptedAudiences: fc.constant([]),
});
