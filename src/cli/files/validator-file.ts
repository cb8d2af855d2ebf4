import type { Node } from 'yaml';
import type { AssertedRequest, AssertedRoute } from '../../cases/asserted-route.ts';
import type { CaseFile, RouteCase } from '../../cases/case.ts';
import { text, yesOrNo } from '../../options/option-values.ts';
import type { CaseDefaults } from './case-reader.ts';
import { readFault } from './validator-fault.ts';
import { readRequests } from './validator-request.ts';
import { readDelegate, readDestinations, readHeaderChanges, readRedirect, readRewrite } from './validator-route.ts';
import { YamlFile } from './yaml-file.ts';

const caseFields = [
  'description',
  'wantMatch',
  'request',
  'route',
  'redirect',
  'rewrite',
  'fault',
  'headers',
  'delegate',
];

const listName = /^["']?testCases["']?[ \t]*:/im;

/** Reports whether a text is a file of istio-config-validator. Only its files have a list `testCases`. */
export function isValidatorFile(content: string): boolean {
  return listName.test(content);
}

/**
 * Parses a file of istio-config-validator (its docs/test-cases.md and internal/pkg/parser/testcase.go). Each
 * combination of authority, method and uri is a case.
 *
 * @param file path of the file; its errors start with it
 * @throws MeshmockError `usage` with line and column
 * @example
 * const text = `testCases:
 *   - description: users
 *     wantMatch: true
 *     request: { authority: [shop.test], method: [GET], uri: [/users] }
 *     route: [{ destination: { host: users } }]`;
 * const { cases } = parseValidatorFile(text, 'users_test.yaml', { timeoutMs: 10_000, retryUntilMs: 0 });
 * cases[0]?.name; // 'users: GET shop.test/users'
 */
export function parseValidatorFile(content: string, file: string, defaults: CaseDefaults): CaseFile<RouteCase> {
  return routeCaseFile(content, file, (yaml) => casesOf(yaml, defaults));
}

/** Assertions of a case that asserts nothing. */
export const emptyAssertions: Omit<AssertedRoute, 'request' | 'wantMatch'> = {
  route: undefined,
  redirect: undefined,
  rewrite: undefined,
  fault: undefined,
  headers: undefined,
  delegate: undefined,
  result: undefined,
};

/**
 * Returns a file of cases that assert routes. It names no manifests, and each destination without a workload gets a mock.
 *
 * @param casesOf reads the cases of a document
 * @throws MeshmockError `usage` with line and column
 */
export function routeCaseFile(
  content: string,
  file: string,
  casesOf: (yaml: YamlFile) => RouteCase[],
): CaseFile<RouteCase> {
  return {
    name: file,
    manifests: [],
    change: [],
    meshConfig: undefined,
    namespace: 'default',
    fill: true,
    names: [],
    before: [],
    cases: YamlFile.all(content, file).flatMap(casesOf),
    always: [],
  };
}

function casesOf(yaml: YamlFile, defaults: CaseDefaults): RouteCase[] {
  // The validator reads field names in upper and lower case, as Go's JSON does. Its users write both of these.
  const [list] = yaml.fields(yaml.contents, ['testCases', 'TestCases'], 'cases under "testCases:"').values();
  return yaml.list(list, 'description: …').flatMap((item) => combinationsOf(yaml, item, defaults));
}

function combinationsOf(yaml: YamlFile, node: Node, defaults: CaseDefaults): RouteCase[] {
  const fields = yaml.fields(node, caseFields, 'a case with a description, a request and what is asserted');
  const description = yaml.parseScalar(yaml.required(node, fields, 'description', 'happy path users'), text);
  const request = yaml.required(node, fields, 'request', '{ authority: […], method: […], uri: […] }');
  const optionalField = <T>(name: string, read: (yaml: YamlFile, value: Node) => T): T | undefined =>
    yaml.optionalNode(fields, name, (value) => read(yaml, value));
  const assertions: Omit<AssertedRoute, 'request'> = {
    ...emptyAssertions,
    wantMatch: yaml.optionalScalar(fields, 'wantMatch', yesOrNo) ?? false,
    route: optionalField('route', readDestinations),
    redirect: optionalField('redirect', readRedirect),
    rewrite: optionalField('rewrite', readRewrite),
    fault: optionalField('fault', readFault),
    headers: optionalField('headers', readHeaderChanges),
    delegate: optionalField('delegate', readDelegate),
  };
  const where = yaml.whereIs(node);
  return readRequests(yaml, request).map((one) => ({
    kind: 'route',
    name: `${description}: ${requestTitle(one)}`,
    where,
    ...defaults,
    asserted: { ...assertions, request: one },
  }));
}

function requestTitle({ authority, method, uri }: AssertedRequest): string {
  return `${method} ${authority}${uri}`;
}
