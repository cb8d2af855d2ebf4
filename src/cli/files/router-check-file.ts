import type { Node } from 'yaml';
import type { CaseFile, RouteCase } from '../../cases/case.ts';
import type { RouterResult } from '../../cases/router-result.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { text } from '../../options/option-values.ts';
import { headerNameProblem, headerValueProblem } from '../../plan/fields.ts';
import type { Header } from '../../plan/plan.ts';
import type { CaseDefaults } from './case-reader.ts';
import { readHeaderMatches } from './header-match.ts';
import { emptyAssertions, routeCaseFile } from './validator-file.ts';
import { authority, method, uri } from './validator-request.ts';
import type { Fields, YamlFile } from './yaml-file.ts';

/** Reports whether a text is a file of Envoy's route table check tool, which istio-router-check uses. */
export function isRouterCheckFile(content: string): boolean {
  return /^[{\s]*["']?tests["']?[ \t]*:/m.test(content) && /["']?test_name["']?[ \t]*:/.test(content);
}

/**
 * Parses a file of istio-router-check: the tests of Envoy's route table check tool (its validation.proto).
 *
 * @param file path of the file; its errors start with it
 * @throws MeshmockError `usage` with line and column
 * @example
 * const text = `tests:
 *   - test_name: users
 *     input: { authority: users, path: /v1 }
 *     validate: { cluster_name: outbound|80||users.shop.svc.cluster.local, path_rewrite: /v2 }`;
 * const { cases } = parseRouterCheckFile(text, 'users_test.yaml', { timeoutMs: 10_000, retryUntilMs: 0 });
 */
export function parseRouterCheckFile(content: string, file: string, defaults: CaseDefaults): CaseFile<RouteCase> {
  return routeCaseFile(content, file, (yaml) => {
    const tests = yaml.fields(yaml.contents, ['tests'], 'tests under "tests:"').get('tests');
    return yaml.list(tests, 'test_name: …').map((node) => caseOf(yaml, node, defaults));
  });
}

function caseOf(yaml: YamlFile, node: Node, defaults: CaseDefaults): RouteCase {
  const fields = yaml.fields(node, ['test_name', 'input', 'validate'], 'a test with test_name, input and validate');
  const input = yaml.required(node, fields, 'input', '{ authority: users, path: / }');
  const validate = yaml.required(node, fields, 'validate', '{ cluster_name: outbound|80||users }');
  return {
    kind: 'route',
    name: yaml.parseScalar(yaml.required(node, fields, 'test_name', 'users'), text),
    where: yaml.whereIs(node),
    ...defaults,
    asserted: {
      ...emptyAssertions,
      wantMatch: true,
      request: readInput(yaml, input),
      result: readResult(yaml, validate),
    },
  };
}

/** Fields that change the input in a way that no request of a client can. */
const notSent = ['ssl', 'internal', 'runtime', 'additional_response_headers'];

function readInput(yaml: YamlFile, node: Node): RouteCase['asserted']['request'] {
  // The tool takes `random_value` to choose among the clusters of a split route; here, requests reach each of them.
  const known = ['authority', 'path', 'method', 'random_value', 'additional_request_headers', ...notSent];
  const fields = yaml.fields(node, known, 'authority, path and method');
  for (const name of notSent) {
    const field = fields.get(name);
    if (field !== undefined && yaml.textOf(field) !== 'false')
      throw yaml.errorAt(field, `no ${name}: real proxies decide this, and no request can set it`);
  }
  return {
    authority: yaml.parseScalar(yaml.required(node, fields, 'authority', 'users'), authority),
    method: yaml.optionalScalar(fields, 'method', method) ?? 'GET',
    uri: yaml.parseScalar(yaml.required(node, fields, 'path', '/users'), uri),
    headers:
      yaml.optionalNode(fields, 'additional_request_headers', (list) =>
        yaml.list(list, '{ key: end-user, value: jason }').map((item) => readHeader(yaml, item)),
      ) ?? [],
  };
}

function readHeader(yaml: YamlFile, node: Node): Header {
  const fields = yaml.fields(node, ['key', 'value'], 'key and value of a header');
  const checked =
    (problemOf: (value: string) => string | undefined) =>
    (value: string): string => {
      const problem = problemOf(value);
      if (problem === undefined) return value;
      throw new MeshmockError('usage', `"${value}": expected ${problem}`);
    };
  const key = yaml.required(node, fields, 'key', 'end-user');
  const name = yaml.parseScalar(key, (value) => checked(headerNameProblem)(value.toLowerCase()));
  const content = yaml.required(node, fields, 'value', 'jason');
  return {
    name,
    value: yaml.parseScalar(
      content,
      checked((value) => headerValueProblem(name, value)),
    ),
  };
}

const notShown = ['virtual_cluster_name', 'virtual_host_name'];

function readResult(yaml: YamlFile, node: Node): RouterResult {
  const texts = ['cluster_name', 'host_rewrite', 'path_rewrite', 'path_redirect'] as const;
  const matches = ['request_header_matches', 'response_header_matches'] as const;
  const known = [...texts, ...matches, ...notShown];
  const fields: Fields = yaml.fields(node, known, 'what the route must be, such as a cluster_name');
  if (fields.size === 0) throw yaml.errorAt(node, `at least one of ${known.join(', ')}`);
  // An empty text means that there must be no such value.
  const textOf = (name: string): string | undefined => yaml.optionalNode(fields, name, (value) => yaml.textOf(value));
  return {
    cluster: textOf('cluster_name'),
    host: textOf('host_rewrite'),
    path: textOf('path_rewrite'),
    redirect: textOf('path_redirect'),
    requestHeaders: readHeaderMatches(yaml, fields.get('request_header_matches')),
    responseHeaders: readHeaderMatches(yaml, fields.get('response_header_matches')),
    notShown: notShown.flatMap((name) => {
      const value = textOf(name);
      return value === undefined ? [] : [`${name} ${value}`];
    }),
  };
}
