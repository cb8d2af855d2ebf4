import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dialler, parseConnectTo } from '../../src/execute/connect-to.ts';

const dialler = (...texts: string[]): Dialler => new Dialler(texts.map(parseConnectTo));

test('an entry changes the address of its host and port only', () => {
  const one = dialler('service1:8080:127.0.0.1:8081');
  assert.deepEqual(one.dial('service1', 8080), { host: '127.0.0.1', port: 8081 });
  assert.deepEqual(one.dial('SERVICE1', 8080), { host: '127.0.0.1', port: 8081 });
  assert.deepEqual(one.dial('service1', 8081), { host: 'service1', port: 8081 });
  assert.deepEqual(one.dial('service2', 8080), { host: 'service2', port: 8080 });
});

test('an empty part before the address matches anything, and one after it changes nothing', () => {
  assert.deepEqual(dialler('::127.0.0.1:').dial('any', 1234), { host: '127.0.0.1', port: 1234 });
  assert.deepEqual(dialler('a:::15001').dial('a', 80), { host: 'a', port: 15001 });
  assert.deepEqual(dialler(':80:b:81').dial('a', 80), { host: 'b', port: 81 });
});

test('a second entry for the same host and port adds an address, and both are used in turn', () => {
  const two = dialler('a:80:127.0.0.1:1', 'a:80:127.0.0.1:2');
  assert.deepEqual(
    [1, 2, 3].map(() => two.dial('a', 80).port),
    [1, 2, 1],
  );
});

test('a star matches one label of a host', () => {
  const one = dialler('web.*.svc:80:127.0.0.1:1');
  assert.equal(one.dial('Web.shop.svc', 80).port, 1);
  for (const host of ['web', 'web.svc', 'web..svc', 'web.a.b.svc', 'web.shop.svc.cluster.local', 'other.shop.svc'])
    assert.equal(one.dial(host, 80).port, 80);
  assert.deepEqual(one.hosts, []);
});

test('a second star in a host is refused, since it would match no host', () => {
  assert.throws(() => parseConnectTo('a.*.*.svc:80:127.0.0.1:81'), /at most one \* in the host/);
});

test('IPv6 addresses have brackets', () => {
  assert.deepEqual(dialler('[::1]:80:[fd00::2]:81').dial('::1', 80), { host: 'fd00::2', port: 81 });
});

for (const text of ['a', 'a:80', 'a:80:b', 'a:x:b:1', 'a:80:b:1:2', '::1:80:b:1']) {
  test(`the text "${text}" is refused`, () => {
    assert.throws(() => parseConnectTo(text), /HOST:PORT:ADDR:PORT/);
  });
}
