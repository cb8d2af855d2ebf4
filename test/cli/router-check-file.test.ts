import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { RouteCase } from '../../src/cases/case.ts';
import type { HeaderMatch, RouterResult } from '../../src/cases/router-result.ts';
import { isRouterCheckFile, parseRouterCheckFile } from '../../src/cli/files/router-check-file.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';

const parse = (text: string): readonly RouteCase[] =>
  parseRouterCheckFile(text, 'users_test.yaml', { timeoutMs: 1000, retryUntilMs: 0 }).cases;

const one = (validate: string, input = '{ authority: a.test, path: /x }'): string =>
  `tests:\n  - test_name: one\n    input: ${input}\n    validate: ${validate}\n`;

function resultOf(validate: string): RouterResult {
  const result = parse(one(validate))[0]?.asserted.result;
  assert.ok(result !== undefined);
  return result;
}

suite('files of istio-router-check', () => {
  test('a list of tests with names tells them from files of cases', () => {
    assert.equal(isRouterCheckFile(one('{ cluster_name: a }')), true);
    assert.equal(isRouterCheckFile('{"tests": [{"test_name": "a"}]}'), true);
    assert.equal(isRouterCheckFile('cases:\n  - name: tests\n'), false);
    assert.equal(isRouterCheckFile(readFileSync('test/istio/validator/router_test.yaml', 'utf8')), true);
  });

  test('the request has the authority, path, method and headers of the input, which must match', () => {
    const input =
      '{ authority: a.test, path: /x?y#z, method: PUT, random_value: 3, ssl: false, additional_request_headers: [{ key: X-A, value: "1" }] }';
    const [first] = parse(one('{ path_rewrite: /x }', input));
    assert.equal(first?.name, 'one');
    assert.equal(first.where, 'users_test.yaml:2:5');
    assert.equal(first.asserted.wantMatch, true);
    const headers = [{ name: 'x-a', value: '1' }];
    assert.deepEqual(first.asserted.request, { authority: 'a.test', method: 'PUT', uri: '/x?y', headers });
  });

  test('an empty text expects that there is none', () => {
    const { cluster, redirect, path } = resultOf('{ cluster_name: "", path_redirect: "" }');
    assert.deepEqual([cluster, redirect, path], ['', '', undefined]);
  });

  const matches: readonly [match: string, holds: readonly (string | null)[], not: readonly (string | null)[]][] = [
    ['string_match: { exact: b }', ['b'], ['B', 'ab', null]],
    ['string_match: { prefix: B, ignore_case: true }', ['bc', 'BC'], ['cb', null]],
    ['string_match: { suffix: b }', ['ab'], ['ba', null]],
    ['string_match: { contains: b }', ['abc'], ['ac', null]],
    ['string_match: { safe_regex: { regex: "a|b+" } }', ['a', 'bb'], ['ab', null]],
    ['string_match: { exact: b }, invert_match: true', ['a'], ['b', null]],
    ['string_match: { safe_regex: { regex: b } }, invert_match: true', ['a'], ['b', null]],
    ['present_match: true, invert_match: true', [null], ['a']],
    ['present_match: false, invert_match: true', ['a'], [null]],
    ['invert_match: true', [null], ['a']],
    ['present_match: true', ['a', ''], [null]],
    ['present_match: false', [null], ['a']],
    ['exact_match: b', ['b'], ['a', null]],
  ];
  for (const [match, holds, not] of matches)
    test(`a header with ${match} is matched as Envoy does`, () => {
      const [found] = resultOf(`{ request_header_matches: [{ name: X-A, ${match} }] }`).requestHeaders as HeaderMatch[];
      assert.equal(found?.name, 'x-a');
      assert.deepEqual(
        holds.map(found.holds),
        holds.map(() => true),
      );
      assert.deepEqual(
        not.map(found.holds),
        not.map(() => false),
      );
    });

  for (const [text, place, message] of [
    [one('{ cluster: a }'), '4:17', /one of cluster_name, /],
    [one('{ path_rewrite: /x }', '{ authority: a.test, path: /@a/x }'), '3:39', /a plain path/],
    [one('{ path_rewrite: /x }', '{ authority: a.test, path: /x, ssl: true }'), '3:48', /no ssl: real proxies decide/],
    [one('{ request_header_matches: [{ name: a, string_match: { safe_regex: { regex: "(?=a)" } } }] }'), '4:90', /RE2/],
    ['tests:\n  - test_name: one\n    input: { authority: a, path: / }\n', '2:5', /the field validate/],
  ] as const)
    test(`a mistake at ${place} is reported there (${message})`, () => {
      assert.throws(
        () => parse(text),
        (error) =>
          error instanceof MeshmockError &&
          error.message.startsWith(`users_test.yaml:${place}: `) &&
          message.test(error.message),
      );
    });
});
