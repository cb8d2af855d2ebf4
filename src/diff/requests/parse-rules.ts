import type { EnvoyFilter, EnvoyHeaderMatcher, EnvoyMetadataMatcher, EnvoyStringMatcher } from './edge-side.ts';
import { always, type Formula, is } from './formula.ts';
import { parseHeaderMatcher, parseMetadataMatcher, stringIs, templateOf, textIs, unknownIs } from './parse-matchers.ts';

/** Rule of an AuthorizationPolicy, as a policy of Envoy's RBAC filter. */
export interface AccessRule {
  /** Name as istiod writes it, such as `ns[shop]-policy[viewer]-rule[0]`. */
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY' | 'LOG';
  readonly formula: Formula;
}

/** Filter with rules. A request must pass every filter; one of action ALLOW without rules lets none pass. */
export interface AccessFilter {
  readonly action: AccessRule['action'];
  readonly rules: readonly AccessRule[];
}

/**
 * Parses the RBAC filters among the filters of a listener. Rules of a dry run only log: they refuse nothing, and the callee
 * gets their results in headers.
 */
export function parseAccessFilters(filters: readonly EnvoyFilter[]): AccessFilter[] {
  return filters.flatMap(({ typed_config: config }) => {
    const type = String(config?.['@type'] ?? '');
    if (!/extensions\.filters\.(?:http|network)\.rbac\./.test(type)) return [];
    const { rules, shadow_rules: shadow } = config as { rules?: RbacRules; shadow_rules?: RbacRules };
    return [
      ...(rules === undefined ? [] : [parseFilter(rules, rules.action ?? 'ALLOW')]),
      ...(shadow === undefined ? [] : [parseFilter(shadow, 'LOG')]),
    ];
  });
}

function parseFilter({ policies = {} }: RbacRules, action: AccessRule['action']): AccessFilter {
  const rules = Object.entries(policies)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, policy]) => ({ name, action, formula: parsePolicy(policy) }));
  return { action, rules };
}

/** `envoy.config.rbac.v3.RBAC`. */
interface RbacRules {
  readonly action?: 'ALLOW' | 'DENY' | 'LOG';
  readonly policies?: Readonly<Record<string, RbacPolicy>>;
}

interface RbacPolicy {
  readonly permissions?: readonly RbacNode[];
  readonly principals?: readonly RbacNode[];
}

/** `Permission` and `Principal` have fields of different names for the same. */
interface RbacNode {
  readonly any?: boolean;
  readonly and_rules?: { readonly rules?: readonly RbacNode[] };
  readonly or_rules?: { readonly rules?: readonly RbacNode[] };
  readonly not_rule?: RbacNode;
  readonly and_ids?: { readonly ids?: readonly RbacNode[] };
  readonly or_ids?: { readonly ids?: readonly RbacNode[] };
  readonly not_id?: RbacNode;
  readonly header?: EnvoyHeaderMatcher;
  readonly url_path?: { readonly path?: EnvoyStringMatcher };
  readonly uri_template?: unknown;
  readonly destination_port?: number;
  readonly destination_port_range?: { readonly start?: number; readonly end?: number };
  readonly authenticated?: { readonly principal_name?: EnvoyStringMatcher };
  readonly metadata?: EnvoyMetadataMatcher;
  readonly sourced_metadata?: { readonly metadata_matcher?: EnvoyMetadataMatcher };
  readonly [field: string]: unknown;
}

function parsePolicy({ permissions = [], principals = [] }: RbacPolicy): Formula {
  return {
    kind: 'all',
    of: [
      { kind: 'any', of: permissions.map(parseNode) },
      { kind: 'any', of: principals.map(parseNode) },
    ],
  };
}

function parseNode(node: RbacNode): Formula {
  const group = node.and_rules?.rules ?? node.and_ids?.ids;
  if (group !== undefined) return { kind: 'all', of: group.map(parseNode) };
  const choice = node.or_rules?.rules ?? node.or_ids?.ids;
  if (choice !== undefined) return { kind: 'any', of: choice.map(parseNode) };
  const negated = node.not_rule ?? node.not_id;
  if (negated !== undefined) return { kind: 'not', of: parseNode(negated) };
  return parseLeaf(node);
}

function parseLeaf(node: RbacNode): Formula {
  if (node.any === true) return always;
  if (node.header !== undefined) return parseRuleHeader(node.header);
  if (node.url_path !== undefined) return stringIs({ kind: 'path' }, node.url_path.path);
  const template = templateOf(node.uri_template);
  if (template !== undefined) return textIs({ kind: 'path' }, { kind: 'template', value: template });
  if (node.destination_port !== undefined)
    return is({ kind: 'port', start: node.destination_port, end: node.destination_port + 1 });
  if (node.destination_port_range !== undefined)
    return is({
      kind: 'port',
      start: node.destination_port_range.start ?? 0,
      end: node.destination_port_range.end ?? 0,
    });
  if (node.authenticated !== undefined) return parseIdentity(node.authenticated.principal_name);
  const metadata = node.metadata ?? node.sourced_metadata?.metadata_matcher;
  if (metadata !== undefined) return parseMetadataMatcher(metadata);
  const [field = 'an empty rule'] = Object.keys(node);
  return unknownIs(`${field} ${JSON.stringify(node[field])}`, unknownReasons.get(field) ?? 'its meaning is not known');
}

/** Every request has a method, a path and a host, so that rules for any of them always hold. */
function parseRuleHeader(header: EnvoyHeaderMatcher): Formula {
  const isAlways = header.present_match === true && /^:(?:method|authority|path)$/.test(header.name ?? '');
  return isAlways ? always : parseHeaderMatcher(header);
}

/** Parses the name of a principal. Without one, any identity satisfies it. */
function parseIdentity(name: EnvoyStringMatcher | undefined): Formula {
  return name === undefined ? textIs({ kind: 'identity' }, { kind: 'present' }) : stringIs({ kind: 'identity' }, name);
}

const unknownReasons = new Map([
  ['source_ip', 'the address of a caller is not chosen'],
  ['direct_remote_ip', 'the address of a caller is not chosen'],
  ['remote_ip', 'the address of a caller is not chosen'],
  ['destination_ip', 'the address of a callee is not chosen'],
  ['requested_server_name', 'the proxy of the caller chooses the server name'],
  ['filter_state', 'filters set it, not the client'],
  ['matcher', 'an extension decides about it'],
]);
