import type { Node } from 'yaml';
import type { AssertedRoute } from '../../cases/asserted-route.ts';
import type { Case, CaseFile } from '../../cases/case.ts';
import { text, yesOrNo } from '../options/option-values.ts';
import type { CaseDefaults } from './case-file.ts';
import { readFault } from './validator-fault.ts';
import { readRequests } from './validator-request.ts';
import { readDelegate, readDestinations, readHeaderChanges, readRedirect, readRewrite } from './validator-route.ts';
import { YamlFile } from './yaml-file.ts';

const caseFields = [
  ...['description', 'wantMatch', 'request'],
  ...['route', 'redirect', 'rewrite', 'fault', 'headers', 'delegate'],
];

const listName = /^["']?testCases["']?[ \t]*:/im;

/** Whether a text is a file of istio-config-validator, whose list of cases has a name that our own files do not know. */
export function isValidatorFile(content: string): boolean {
  return listName.test(content);
}

/**
 * Reads a file of istio-config-validator (its docs/test-cases.md, and internal/pkg/parser/testcase.go): a case for
 * every combination of authority, method and uri.
 *
 * @param file its path; it stands before each error, with line and column
 * @throws MeshmockError `usage`
 */
export function parseValidatorFile(content: string, file: string, defaults: CaseDefaults): CaseFile {
  const cases = YamlFile.all(content, file).flatMap((yaml) => casesOf(yaml, defaults));
  return {
    ...{ name: file, manifests: [], change: [], namespace: 'default', fill: true, before: [], cases, always: [] },
    assertsRoutes: true,
  };
}

function casesOf(yaml: YamlFile, defaults: CaseDefaults): Case[] {
  // Go's JSON takes `TestCases` too, and files of theirs have it.
  const [list] = yaml.fields(yaml.contents, ['testCases', 'TestCases'], 'cases under "testCases:"').values();
  return yaml.list(list, 'description: …').flatMap((item) => combinations(yaml, item, defaults));
}

function combinations(yaml: YamlFile, node: Node, defaults: CaseDefaults): Case[] {
  const fields = yaml.fields(node, caseFields, 'a case with a description, a request and what is asserted');
  const description = yaml.parseScalar(yaml.required(node, fields, 'description', 'happy path users'), text);
  const request = yaml.required(node, fields, 'request', '{ authority: […], method: […], uri: […] }');
  const given = <T>(name: string, read: (yaml: YamlFile, value: Node) => T): T | undefined =>
    yaml.optionalNode(fields, name, (value) => read(yaml, value));
  const asserted: Omit<AssertedRoute, 'request'> = {
    wantMatch: yaml.optionalScalar(fields, 'wantMatch', yesOrNo) ?? false,
    route: given('route', readDestinations),
    redirect: given('redirect', readRedirect),
    rewrite: given('rewrite', readRewrite),
    fault: given('fault', readFault),
    headers: given('headers', readHeaderChanges),
    delegate: given('delegate', readDelegate),
  };
  const about = { description, where: yaml.whereIs(node), ...defaults };
  return readRequests(yaml, request, node).map((one) => caseOf(about, { ...asserted, request: one }));
}

function caseOf(
  { description, where, ...defaults }: CaseDefaults & { readonly description: string; readonly where: string },
  asserted: AssertedRoute,
): Case {
  const { authority, method, uri } = asserted.request;
  return {
    name: `${description}: ${method} ${authority}${uri}`,
    where,
    ...{ from: undefined, protocol: 'http', host: undefined, method, headers: [], expectations: [], faults: [] },
    plan: { kind: 'answer', directives: [], uri },
    ...{ repeat: 1, concurrency: 1, ...defaults },
    asserted,
  };
}
