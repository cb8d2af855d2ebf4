import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { calledMethod } from '../../src/plan/grpc-method.ts';
import { parsePath } from '../../src/plan/parse.ts';
import type { Plan } from '../../src/plan/plan.ts';

suite('The plan of a gRPC callee', () => {
  const method = (path: string): string | undefined => calledMethod('grpc', parsePath(path))?.name;

  test('names a method if its URI is the path of one, with or without directives', () => {
    assert.equal(method('/shop.Basket/Get'), 'shop.Basket/Get');
    assert.equal(method('/shop.v1.internal_api.Basket2/add_item'), 'shop.v1.internal_api.Basket2/add_item');
    assert.equal(method('/~delay=1ms/~status=503:0.1/shop.Basket/Get'), 'shop.Basket/Get');
    assert.equal(method('/grpc.health.v1.Health/Check'), 'grpc.health.v1.Health/Check');
    assert.deepEqual(calledMethod('grpcs', parsePath('/shop.Basket/Get')), { name: 'shop.Basket/Get' });
  });

  test('has the message of the method as JSON after its path, encoded or not', () => {
    const message = '{"user":"a/b?c","n":[1,2]}';
    const expected = { name: 'shop.Basket/Get', message };
    assert.deepEqual(calledMethod('grpc', parsePath(`/shop.Basket/Get${message}`)), expected);
    assert.deepEqual(calledMethod('grpc', parsePath(`/shop.Basket/Get${encodeURIComponent(message)}`)), expected);
    assert.equal(method('/shop.Basket/Get{'), undefined);
    assert.equal(method('/shop.Basket/Get"x"'), undefined);
  });

  test('names no method if its URI is any other, so that it is still a URI', () => {
    for (const path of [
      '/',
      '/x',
      '/hello',
      '/the-end',
      '/uri-reuse/',
      '/a/b',
      '/Basket/Get',
      '/v1.2/users',
      '/index.html/x',
      '/shop.basket/Get',
      '/shop.Basket/',
      '/shop.Basket/Get/',
      '/shop.Basket/Get?x=1',
      '/shop.Basket/Get/more',
      '/shop%2EBasket/Get',
      '/shop.Basket/1',
    ])
      assert.equal(method(path), undefined, path);
  });

  test('names no method if the callee makes calls, or if the method is of meshmock', () => {
    assert.equal(method('/@a/shop.Basket/Get'), undefined);
    assert.equal(method('/meshmock.v1.MeshMock/Call'), undefined);
  });

  test('is only for gRPC: over HTTP, the same URI is a path', () => {
    const plan: Plan = parsePath('/shop.Basket/Get');
    assert.equal(calledMethod('http', plan), undefined);
    assert.equal(calledMethod('https', plan), undefined);
  });
});
