import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { greeting } from '../../src/execute/greeting.ts';
import type { IncomingRequest } from '../../src/execute/incoming.ts';
import type { Service } from '../../src/execute/service.ts';

/** Returns the commands that a service suggests to a client that calls it as `localhost:9000`. */
function suggestions(identity: object, hosts: readonly string[] = []): readonly string[] {
  const service = { identity, dialler: { hosts }, grpcPort: () => 9090 } as unknown as Service;
  const request = { headers: { host: 'localhost:9000' } } as unknown as IncomingRequest;
  return greeting(service, request).try ?? [];
}

describe('the commands that a service suggests', () => {
  const alone = { service: 'shop', version: 'v1' };

  it('call the service itself at the address of the client', () => {
    const [first, , , fourth] = suggestions(alone);
    assert.equal(first, "curl -g 'localhost:9000/@localhost:9000/hello'");
    assert.match(fourth ?? '', /@grpc:localhost:9090\/hello/);
  });

  it('call the service by its name in a cluster, where only the client may know its own address', () => {
    const [first, , , fourth] = suggestions({ ...alone, namespace: 'default' });
    assert.equal(first, "curl -g 'localhost:9000/@shop/hello'");
    assert.match(fourth ?? '', /@grpc:shop\/hello/);
  });

  it('call the other services that it knows', () => {
    const [, , third] = suggestions({ ...alone, namespace: 'default' }, ['shop', 'cart', 'pay']);
    assert.equal(third, "curl -g 'localhost:9000/@cart|pay/@pay/hello'");
  });
});
