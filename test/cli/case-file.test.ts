import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExpectationCase } from '../../src/cases/case.ts';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { formatPath } from '../../src/plan/format.ts';
import fc from '../fast-check.ts';

const defaults = { timeoutMs: 10_000, retryUntilMs: 0 };
const parse = (text: string, file = 'a/test.yaml') => parseCaseFile(text, file, defaults);
const smallest = 'cases:\n  - name: n\n    call: /@a/x\n    expect: status = 200\n';

function refused(text: string): MeshmockError {
  let thrown: unknown;
  assert.throws(
    () => parse(text),
    (error) => {
      thrown = error;
      return true;
    },
  );
  assert.ok(thrown instanceof MeshmockError, `${thrown}`);
  assert.equal(thrown.code, 'usage');
  return thrown;
}

function onlyCase(text: string): ExpectationCase {
  const [found] = parse(text).cases;
  assert.ok(found);
  return found;
}

test('a case with the required fields alone gets the defaults', () => {
  const { plan, expectations, ...rest } = onlyCase(smallest);
  assert.equal(formatPath(plan), '/@a/x');
  assert.deepEqual(
    expectations.map(({ text }) => text),
    ['status = 200'],
  );
  assert.deepEqual(rest, {
    kind: 'expectations',
    name: 'n',
    where: 'a/test.yaml:2:5',
    from: undefined,
    protocol: 'http',
    host: undefined,
    method: 'GET',
    headers: [],
    repeat: 1,
    concurrency: 1,
    timeoutMs: 10_000,
    retryUntilMs: 0,
    faults: [],
    url: undefined,
    data: undefined,
    tls: {},
    captures: [],
    then: [],
  });
});

test('the parser reads every field of a case', () => {
  const { plan, expectations, ...rest } = onlyCase(`cases:
  - name: all of it
    from: productpage
    call: /@grpc:reviews[a=b]/x
    over: http
    method: POST
    host: shop.example.com
    headers: {End-User: jason, x-version: 1.10}
    repeat: 20
    concurrency: 4
    timeout: 2s
    retry-until: 500ms
    given:
      reviews: /~status=503:version=v2
      ratings-v1: down
    expect:
      - reviews version v2 = 100%
      - status = 200
`);
  assert.equal(formatPath(plan), '/@grpc:reviews[a=b]/x');
  assert.deepEqual(
    expectations.map(({ text }) => text),
    ['reviews version v2 = 100%', 'status = 200'],
  );
  assert.deepEqual(rest, {
    kind: 'expectations',
    name: 'all of it',
    where: 'a/test.yaml:2:5',
    from: 'productpage',
    protocol: 'http',
    method: 'POST',
    host: 'shop.example.com',
    headers: [
      { name: 'end-user', value: 'jason' },
      { name: 'x-version', value: '1.10' },
    ],
    repeat: 20,
    concurrency: 4,
    timeoutMs: 2000,
    retryUntilMs: 500,
    faults: [
      { kind: 'behaviour', service: 'reviews', directives: '/~status=503:version=v2' },
      { kind: 'replicas', workload: 'ratings-v1', replicas: 0 },
    ],
    url: undefined,
    data: undefined,
    tls: {},
    captures: [],
    then: [],
  });
});

test('a case may begin over gRPC', () => {
  assert.equal(onlyCase(inCase('over: grpc')).protocol, 'grpc');
});

test('relative paths in a file start at its folder, and absolute paths stay', () => {
  const { cases: _, ...file } = parse(
    `manifests: [mesh.yaml, ../shared/, /etc/mesh.yaml]\napply: [./change.yaml]\nmeshConfig: config.yaml\nnamespace: shop\nfill: true\n${smallest}`,
  );
  assert.deepEqual(file, {
    name: 'a/test.yaml',
    manifests: ['a/mesh.yaml', 'shared/', '/etc/mesh.yaml'],
    change: ['a/change.yaml'],
    meshConfig: 'a/config.yaml',
    namespace: 'shop',
    fill: true,
    names: [],
    before: [],
    always: [],
  });
});

test('a file has cases before a change, with it, and always', () => {
  const one = (name: string) => `[{name: ${name}, call: /@a/x, expect: status = 200}]`;
  const file = parse(`apply: [x.yaml]\nbefore: ${one('b')}\ncases: ${one('c')}\nalways: ${one('a')}\n`);
  assert.deepEqual(
    [file.before, file.cases, file.always].map((cases) => cases.map(({ name }) => name)),
    [['b'], ['c'], ['a']],
  );
  assert.deepEqual(parse(`always: ${one('a')}`).cases, []);
});

test('an alias has the value of its anchor', () => {
  const file = parse(`cases:
  - {name: a, call: /@a/x, headers: &jason {end-user: jason}, expect: &ok [status = 200]}
  - {name: b, call: /@b/x, headers: *jason, expect: *ok}
`);
  assert.deepEqual(file.cases[1]?.headers, [{ name: 'end-user', value: 'jason' }]);
  assert.equal(file.cases[1]?.expectations.length, 1);
});

const inCase = (field: string) => `cases:\n  - name: n\n    call: /@a/x\n    expect: status = 200\n    ${field}\n`;

const wrong: [text: string, place: string, message: RegExp][] = [
  ['', '1:1', /expected cases under "cases:"/],
  ['hello', '1:1', /expected cases under "cases:"/],
  ['- a', '1:1', /expected cases under "cases:"/],
  ['a: [', '1:4', /invalid YAML: the closing \S is missing/],
  ['cases: [}', '1:8', /invalid YAML: the closing \S is missing/],
  ['cases:\n  - {name: a, call: /x\n  - {name: b}\n', '2:5', /invalid YAML: the closing \S is missing/],
  ['cases:\n  - name: "a\n    call: /x\n', '2:11', /invalid YAML: the closing \S is missing/],
  ['cases:\n\t- name: a', '2:1', /invalid YAML: Tabs are not allowed/],
  [`${smallest}---\n${smallest}`, '5:1', /a second document begins here: expected only one/],
  ['manifests: [a.yaml]', '1:1', /expected cases under "cases:"/],
  ['manifest: [a.yaml]', '1:1', /expected one of manifests, meshConfig, namespace/],
  ['cases: 3', '1:8', /expected a list with at least one entry, such as "- name: jason gets v2"/],
  ['cases: []', '1:8', /expected a list with at least one entry/],
  ['cases:', '1:7', /at least one entry/],
  ['cases:\n  - jason', '2:5', /expected a case with a name, a call and what to expect/],
  ['cases:\n  - call: /@a/x\n    expect: status = 200', '2:5', /expected the field name, such as "name: jason/],
  ['cases:\n  - name: n\n    expect: status = 200', '2:5', /expected the field call, such as "call: \/@reviews/],
  ['cases:\n  - name: n\n    call: /@a/x', '2:5', /expected the field expect, such as "expect: reviews/],
  [inCase('form: a'), '5:5', /expected one of name, from, call/],
  [inCase('repeat: 0'), '5:13', /1 to 100000/],
  [inCase('repeat: many'), '5:13', /many/],
  [inCase('concurrency: 1001'), '5:18', /1 to 1000/],
  [inCase('timeout: 5'), '5:14', /5/],
  [inCase('retry-until: soon'), '5:18', /soon/],
  [inCase('over: tcp'), '5:11', /"tcp": expected http or grpc/],
  [inCase('method: post'), '5:13', /"post": expected a method such as GET or POST/],
  [inCase('method: CONNECT'), '5:13', /"CONNECT": expected a method such as GET or POST/],
  [inCase('method: GET\n    over: grpc'), '5:13', /expected no method: every request over gRPC is a POST/],
  [inCase('host: "\\e]0;title\\a"'), '5:11', /expected a host, or HOST:PORT/],
  [inCase('host: http://a/'), '5:11', /"http:\/\/a\/": expected a host, or HOST:PORT/],
  [
    `namespace: "A B"\n${smallest}`,
    '1:12',
    /"A B" is not a valid name of a namespace: expected at most 63 of a-z, 0-9 and "-"/,
  ],
  [inCase('headers: jason'), '5:14', /expected headers such as "end-user: jason"/],
  [inCase('headers: {a b: c}'), '5:15', /expected/],
  [inCase('headers:\n      end-user: "a\\nb"'), '6:17', /expected/],
  [inCase('given: reviews'), '5:12', /expected faults such as/],
  [inCase('given: {reviews: up}'), '5:22', /expected/],
  [inCase('given: {reviews: /~status=9}'), '5:22', /expected/],
  ['cases:\n  - name: n\n    call: /@\n    expect: status = 200', '3:11', /expected/],
  ['cases:\n  - name: n\n    call: [a]\n    expect: status = 200', '3:11', /expected a single value/],
  ['cases:\n  - name: n\n    call: ""\n    expect: status = 200', '3:11', /expected a single value/],
  ['cases:\n  - name: n\n    call: /@a/x\n    expect: stats = 200', '4:13', /expected/],
  ['cases:\n  - name: n\n    call: /@a/x\n    expect: []', '4:13', /at least one entry/],
  ['cases:\n  - name: n\n    call: /@a/x\n    expect:\n      - status = 200\n      - status', '6:9', /expected/],
  [`fill: yes\n${smallest}`, '1:7', /"yes": expected true or false/],
  [`manifests: a.yaml\n${smallest}`, '1:12', /a list with at least one entry, such as "- services.yaml"/],
  [`before:\n  - {name: b, call: /@a/x, expect: status = 200}\n${smallest}`, '2:3', /a change under "apply:"/],
  [
    `${smallest}  - name: n\n    call: /@a/x\n    expect: status = 200\n`,
    '5:5',
    /the case at a\/test.yaml:2:5 has the same name "n"/,
  ],
  [`${smallest}${smallest}`, '5:1', /invalid YAML/],
];

for (const [text, place, message] of wrong)
  test(`the parser refuses at ${place}: ${JSON.stringify(text)}`, () => {
    const error = refused(text);
    assert.equal(error.message.slice(0, error.message.indexOf(': ')), `a/test.yaml:${place}`);
    assert.match(error.message, message);
  });

test('the parser reads any value of a field, or refuses it with its place', () => {
  const values = ['name', 'call', 'expect', 'repeat', 'timeout', 'over', 'headers', 'given', 'from', 'host'];
  const junk = fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()), fc.dictionary(fc.string(), fc.string()));
  fc.assert(
    fc.property(fc.constantFrom(...values), junk, fc.nat(5), (field, value, above) => {
      const fields = { name: 'n', call: '/@a/x', expect: 'status = 200', [field]: value };
      const lines = Object.entries(fields).map(([name, one]) => `${name}: ${JSON.stringify(one)}`);
      const text = `${'# above\n'.repeat(above)}cases:\n  - ${lines.join('\n    ')}\n`;
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof MeshmockError, `${error}`);
        const line = above + 2 + Object.keys(fields).indexOf(field);
        assert.match(error.message, new RegExp(`^a/test\\.yaml:${line}:\\d+: `));
      }
    }),
  );
});
