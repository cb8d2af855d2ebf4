import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { caretLines } from '../../src/error/text-place.ts';
import { formatPath } from '../../src/plan/format.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { noLimits } from '../../src/plan/plan.ts';

/** Parses a text that is not a plan, and returns the error. */
function errorOf(text: string): MeshmockError {
  try {
    parsePath(text);
  } catch (error) {
    if (error instanceof MeshmockError) return error;
    throw error;
  }
  throw new Error(`${text} is parsed as a plan`);
}

// Texts, each with its canonical path.
const canonical: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['/x', '/x'],
  ['/service/calls/@service3/', '/service/calls/@service3/'],
  ['/@a', '/@a'],
  ['/@a/', '/@a/'],
  ['/@a:8080/x', '/@a/x'],
  ['/@grpc:a:9090/x', '/@grpc:a/x'],
  ['/@https:a:443/x', '/@https:a/x'],
  ['/@grpcs:a:443/x', '/@grpcs:a/x'],
  ['/@http:a/x', '/@a/x'],
  ['/@http:http:81/x', '/@http:http:81/x'],
  ['/@grpc/x', '/@grpc/x'],
  ['/@a*1/x', '/@a/x'],
  ['/@a*20;concurrency=4[x=y];retries=0/x', '/@a*20[x=y];retries=0;concurrency=4/x'],
  ['/@a;timeout=2000ms/x', '/@a;timeout=2s/x'],
  ['/@a;timeout=0.25s/x', '/@a;timeout=250ms/x'],
  ['/@a[End-User=Jason]/', '/@a[end-user=Jason]/'],
  ['/@a[x=%41%2f..]/', '/@a[x=A%2F..]/'],
  ['/@a[x=|]/', '/@a[x=%7C]/'],
  ['/@[::1]:81/', '/@[::1]:81/'],
  ['/@%5B::1%5D/', '/@[::1]/'],
  ['/@a%5Bx%3Dy%5D%2Cb%7Cc%3A81%2Fx', '/@a[x=y],b|c:81/x'],
  ['//@a//@b//x', '/@a/@b//x'],
  ['//~close//@a', '/~close/@a'],
  ['/%2F%40a', '/@a'],
  ['/@a(/@c/x)|b(/@d/y)', '/@a(/@c/x)|b(/@d/y)'],
  ['/@a%28/x%29/y', '/@a(/x)/y'],
  ['/@a(/x(1)(2))/y', '/@a(/x(1)(2))/y'],
  ['/~delay=100ms/x', '/~delay=100ms/x'],
  ['/~delay=50ms-0.2s:0.30:version=v2', '/~delay=50ms-200ms:0.3:version=v2'],
  ['/~delay=p50=10ms%2Cp99=1s/x', '/~delay=p50=10ms,p99=1s/x'],
  ['/~status=503:attempt%3C3/x', '/~status=503:attempt<3/x'],
  ['/~status=503:1in3:attempt=1:pod=a-1:zone=eu/x', '/~status=503:1in3:attempt=1:pod=a-1:zone=eu/x'],
  [
    '/~grpc-status=UNAVAILABLE/~hang/~size=10000B/~memory=1024KiB',
    '/~grpc-status=UNAVAILABLE/~hang/~size=10KB/~memory=1MiB',
  ],
  ['/~body=a%2Fb%20%3A/~header[a=b]/~cpu=50ms/@a/~close', '/~body=a%2Fb%20%3A/~header[a=b]/~cpu=50ms/@a/~close'],
];

for (const [text, path] of canonical) {
  test(`The canonical path of ${text} is ${path}`, () => {
    assert.equal(formatPath(parsePath(text)), path);
  });
}

// Texts, each with the offset of its error and a part of the expected text.
const wrong: readonly (readonly [string, number, string])[] = [
  ['', 0, '"/"'],
  ['x', 0, '"/"'],
  ['/@', 2, 'host'],
  ['/@/x', 2, 'host'],
  ['/@a,', 4, 'host'],
  ['/@a||b', 4, 'host'],
  ['/@-a/', 2, 'host of letters'],
  ['/@a..b/', 2, 'host of letters'],
  ['/@1234/', 2, 'not a number alone'],
  ['/@http:8080/', 7, 'http:http:PORT'],
  ['/@http://a/', 7, 'without slashes'],
  ['/@a:/', 4, 'port'],
  ['/@a:0/', 4, 'port'],
  ['/@a:65536/', 4, 'port'],
  ['/@a:99999999999/', 4, 'port'],
  ['/@[::g]/', 5, '"]"'],
  ['/@[1:2]/', 2, 'IPv6'],
  ['/@[::1/', 6, '"]"'],
  ['/@a*/', 4, 'times'],
  ['/@a*0/', 4, 'times'],
  ['/@a[b/', 3, '"]"'],
  ['/@a[b]/', 5, '"="'],
  ['/@a[=c]/', 4, 'name of a header'],
  ['/@a[b c=d]/', 4, 'name of a header'],
  ['/@a[host =d]/', 4, 'name of a header'],
  ['/@a[content-length=0]/', 4, 'content-length'],
  ['/@a[x-meshmock-depth=9]/', 4, 'meshmock sets'],
  ['/@a[b=%zz]/', 7, 'hexadecimal'],
  ['/@a[b=%0d%0aevil:1]/', 6, 'printable'],
  ['/@a[b=%C3%28]/', 6, 'UTF-8'],
  ['/@a;/', 4, 'an option'],
  ['/@a;timeuot=1s/', 4, 'timeout, method'],
  ['/@a;timeout/', 11, '"="'],
  ['/@a;timeout=2/', 12, 'duration'],
  ['/@a;timeout=0s/', 12, 'duration'],
  ['/@a;method=get/', 11, 'method'],
  ['/@a;method=CONNECT/', 11, 'method'],
  ['/@a;retries=-1/', 12, 'number'],
  ['/@a;concurrency=0/', 16, 'number'],
  ['/@a;retries=1;retries=2/', 14, 'retries is set already'],
  ['/@a(x)/', 4, '"/"'],
  ['/@a(/x', 6, '")"'],
  ['/@a(/@b', 7, '")"'],
  ['/@a(/x)y', 7, '"/"'],
  ['/@a?x=1', 3, 'before the query'],
  ['/@a/x y', 5, 'visible'],
  ['/@a/x#y', 5, 'visible'],
  ['/~', 2, 'a directive'],
  ['/~dealy=1s/x', 2, 'delay'],
  ['/~delay/x', 7, '"="'],
  ['/~delay=1/x', 8, 'a delay'],
  ['/~delay=2s-1s/x', 8, 'a range'],
  ['/~delay=p99=1s,p50=2s/x', 8, 'rise'],
  ['/~delay=p50=2s,p99=1s/x', 8, 'not shorter'],
  ['/~status=99/x', 9, 'status'],
  ['/~grpc-status=503/x', 14, 'gRPC status'],
  ['/~size=ten/x', 7, 'size'],
  ['/~close=1/x', 7, 'condition'],
  ['/~status=503:/x', 13, 'a condition'],
  ['/~status=503:1.5/x', 13, 'share'],
  ['/~status=503:0/x', 13, 'share'],
  ['/~status=503:4in3/x', 13, 'share'],
  ['/~status=503:attempt>3/x', 13, 'a condition'],
  ['/~body=a?b/x', 8, '%3F'],
  ['/~header=a/x', 8, '"["'],
  ['/~body=a\ud800b/x', 8, 'whole characters'],
];

for (const [text, offset, expected] of wrong) {
  test(`${text === '' ? 'An empty text' : text} has an error at offset ${offset}`, () => {
    const { code, place } = errorOf(text);
    assert.equal(code, 'invalid_plan');
    assert.equal(place?.offset, offset);
    assert.ok(place.expected.includes(expected), place.expected);
  });
}

test('A plan that is too deep or makes too many calls is refused at the place of the excess', () => {
  const deep = errorOf('/@a'.repeat(51));
  assert.deepEqual([deep.code, deep.place?.offset], ['limit_exceeded', 152]);
  const nested = errorOf('/@a(/@a'.repeat(26));
  assert.equal(nested.code, 'limit_exceeded');
  const many = errorOf(`/@a*10${'/@b*10'.repeat(3)}/x`);
  assert.equal(many.message, 'the plan makes 11110 calls, the limit is 1000');
});

test('A misspelt directive or option gets a suggestion', () => {
  assert.match(errorOf('/~dealy=1s/x').message, /found "dealy=1s"; did you mean "delay"\?$/);
  assert.match(errorOf('/@a;timeuot=1s/').message, /; did you mean "timeout"\?$/);
  assert.match(errorOf('/~colour=red/x').message, /found "colour=red"$/);
});

test('The caret points at the offset, in a window of a long text', () => {
  const place = { text: `/@${'a'.repeat(500)}(${'b'.repeat(500)}`, offset: 502, expected: 'x' };
  const [shown, caret] = caretLines(place);
  assert.equal(shown[caret.indexOf('^')], '(');
  assert.ok(shown.length < 80);
  assert.deepEqual(caretLines({ text: '/@\u{1f600}', offset: 2, expected: 'x' }), ['/@??', '  ^ expected x']);
});

test('Parsing takes time linear in the length of the text', () => {
  const shapes = [
    (n: number) => `/@a${'[a=b]'.repeat(n)}`,
    (n: number) => `/@a(/${'('.repeat(n)}`,
    (n: number) => `/@a(/${'%28'.repeat(n)}`,
    (n: number) => `/@a${'%5Ba=b%5D'.repeat(n)}`,
    (n: number) => '/~status=503'.repeat(n),
    (n: number) => `/~status=503${':0.3'.repeat(n)}`,
    (n: number) => `/@${'a,'.repeat(n)}a`,
    (n: number) => `/@a[a=${'%20'.repeat(n)}]`,
    (n: number) => `/@a${'[a=b'.repeat(n)}`,
  ];
  for (const shape of shapes) {
    const text = shape(100_000);
    const startedAt = performance.now();
    try {
      parsePath(text, noLimits);
    } catch (error) {
      assert.ok(error instanceof MeshmockError);
    }
    // Quadratic time would take minutes.
    assert.ok(performance.now() - startedAt < 5000, text.slice(0, 20));
  }
});

const tooMany: [path: string, offset: number | undefined][] = [
  ['/@a*1000/x', undefined],
  ['/@a*1001/x', 2],
  ['/@a/@b*999/x', undefined],
  ['/@a/@b*1000/x', 5],
  ['/@a,b/@c*499/x', undefined],
  ['/@a,b/@c*500/x', 7],
  ['/@a,b/@c*1000/x', 7],
  ['/@a*500/@b/x', undefined],
  ['/@a*501/@b/x', 2],
  ['/~body=@@/@a(/@b*1000/x)|c/y', 15],
  ['/@a*999999999/@b*999999999/@c*999999999/x', 28],
];
for (const [path, offset] of tooMany) {
  test(`${path} ${offset === undefined ? 'makes as many calls as the limit' : `exceeds the limit of calls at offset ${offset}`}`, () => {
    if (offset === undefined) assert.ok(parsePath(path));
    else {
      const { code, place, message } = errorOf(path);
      assert.deepEqual([code, place?.offset], ['limit_exceeded', offset]);
      assert.match(message, /^the plan makes (?:\d+|more than 1000000000) calls, the limit is 1000$/);
    }
  });
}
