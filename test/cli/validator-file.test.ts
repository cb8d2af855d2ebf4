import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { AssertedRoute } from '../../src/cases/asserted-route.ts';
import type { RouteCase } from '../../src/cases/case.ts';
import { isValidatorFile, parseValidatorFile } from '../../src/cli/files/validator-file.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';

const defaults = { timeoutMs: 1000, retryUntilMs: 0 };

function parse(text: string): readonly RouteCase[] {
  return parseValidatorFile(text, 'shop_test.yaml', defaults).cases;
}

const request = '{ authority: [a.test], method: [GET], uri: [/x] }';
const one = (fields: string): string => `testCases:\n  - description: one\n    request: ${request}\n    ${fields}\n`;

function assertedOf(fields: string): AssertedRoute {
  const [first] = parse(one(fields));
  assert.ok(first !== undefined);
  return first.asserted;
}

suite('files of istio-config-validator', () => {
  test('a list testCases tells them from files of cases', () => {
    assert.equal(isValidatorFile(one('wantMatch: true')), true);
    assert.equal(isValidatorFile('# a comment\n---\nTestCases: []\n'), true);
    assert.equal(isValidatorFile('cases:\n  - name: testCases\n'), false);
    assert.equal(isValidatorFile(readFileSync('test/istio/validator/shop_test.yaml', 'utf8')), true);
  });

  test('each combination is a case, in the order of the validator', () => {
    const text = one('wantMatch: true').replace(request, '{ authority: [a, b], method: [GET, PUT], uri: [/x, /y] }');
    assert.deepEqual(
      parse(text).map(({ name }) => name),
      ['GET a/x', 'PUT a/x', 'GET b/x', 'PUT b/x', 'GET a/y', 'PUT a/y', 'GET b/y', 'PUT b/y'].map(
        (each) => `one: ${each}`,
      ),
    );
  });

  test('a file may have several documents, and places count lines of the file', () => {
    const cases = parse(`---\n${one('wantMatch: true')}---\n${one('wantMatch: false')}`);
    assert.deepEqual(
      cases.map(({ where, asserted }) => [where, asserted.wantMatch]),
      [
        ['shop_test.yaml:3:5', true],
        ['shop_test.yaml:8:5', false],
      ],
    );
  });

  test('the fragment of a uri is cut off', () => {
    const text = one('wantMatch: true').replace('[/x]', '["/home?a=b#top", "http://a.test/y#"]');
    assert.deepEqual(
      parse(text).map(({ asserted }) => asserted.request.uri),
      ['/home?a=b', '/y'],
    );
  });

  test('wantMatch is false by default, as in Go', () => {
    assert.equal(assertedOf('route: [{ destination: { host: a } }]').wantMatch, false);
  });

  test('the parser reads each kind of assertion', () => {
    assert.deepEqual(
      assertedOf('route: [{ destination: { host: a, port: { number: 80 }, subset: v1 }, weight: 9 }]').route,
      [{ host: 'a', port: 80, subset: 'v1', weight: 9, headers: undefined }],
    );
    assert.equal(assertedOf('redirect: { uri: /v2 }').redirect?.status, 301);
    assert.deepEqual(assertedOf('rewrite: { uri: /v2, authority: b }').rewrite, {
      uri: '/v2',
      authority: 'b',
      regex: undefined,
    });
    assert.deepEqual(
      assertedOf('fault: { delay: { fixedDelay: 2s }, abort: { httpStatus: 500, percentage: { value: 0.5 } } }').fault,
      {
        delay: { delayMs: 2000, percent: 100 },
        abort: { status: { kind: 'http', status: 500 }, percent: 0.5 },
      },
    );
    assert.deepEqual(assertedOf('headers: { request: { set: { X-A: "1" } }, response: { remove: [X-B] } }').headers, {
      request: { set: [{ name: 'x-a', value: '1' }], add: [], remove: [] },
      response: { set: [], add: [], remove: ['x-b'] },
    });
    assert.deepEqual(assertedOf('delegate: { name: a, namespace: b }').delegate, { name: 'a', namespace: 'b' });
  });

  for (const [what, text, place, expected] of [
    ['an unknown field', one('isMatch: false'), '4:5', /expected one of description, wantMatch, request, route/],
    ['a missing request', 'testCases:\n  - description: one\n', '2:5', /expected the field request, such as/],
    ['an empty list', one('wantMatch: true').replace('[GET]', '[]'), '3:45', /expected a list with at least one entry/],
    [
      'a wrong authority',
      one('wantMatch: true').replace('[a.test]', '[a.test:99999]'),
      '3:28',
      /"a.test:99999": expected a host, or HOST:PORT/,
    ],
    ['a redirect to a wrong host', one('redirect: { authority: a b }'), '4:28', /"a b": expected a host/],
    ['a wrong method', one('wantMatch: true').replace('[GET]', '[get]'), '3:46', /"get": expected a method/],
    ['a wrong path', one('wantMatch: true').replace('/x', 'x'), '3:58', /"x": expected a path such as \/users/],
    ['a path that is a plan', one('wantMatch: true').replace('/x', '/@a'), '3:58', /expected a plain path/],
    ['a wrong boolean', one('wantMatch: yes'), '4:16', /"yes": expected true or false/],
    [
      'a wrong port',
      one('route: [{ destination: { host: a, port: { number: 99999 } } }]'),
      '4:55',
      /not a whole number from 1 to 65535/,
    ],
    ['a fault without a status', one('fault: { abort: {} }'), '4:21', /expected the field httpStatus, such as/],
    ['invalid YAML', 'testCases: [', '1:12', /invalid YAML/],
  ] as const)
    test(`the parser refuses ${what}, with its place`, () => {
      assert.throws(
        () => parse(text),
        (error) =>
          error instanceof MeshmockError &&
          error.message.startsWith(`shop_test.yaml:${place}: `) &&
          expected.test(error.message),
      );
    });
});
