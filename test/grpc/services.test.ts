import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as healthService } from 'grpc-health-check';
import { dependencyFile } from '../../src/package/package-files.ts';
import { type ServedProgram, startServe } from '../program.ts';

const reflectionProtos = path.join(path.dirname(dependencyFile('@grpc/reflection/package.json')), 'build/proto');

function reflectionService(version: 'v1' | 'v1alpha'): ServiceDefinition {
  const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, { includeDirs: [reflectionProtos] });
  return definition[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition;
}

suite('The services of gRPC itself, which are loaded by their first call', () => {
  let program: ServedProgram;
  let client: Client;

  before(async () => {
    program = await startServe('app');
    client = new Client(`127.0.0.1:${program.grpcPort}`, credentials.createInsecure());
  });

  after(async () => {
    client.close();
    await program[Symbol.asyncDispose]();
  });

  for (const version of ['v1', 'v1alpha'] as const)
    test(`reflection ${version} lists the services, several times on one stream`, async () => {
      const method = reflectionService(version).ServerReflectionInfo;
      assert.ok(method !== undefined);
      const { path: name, requestSerialize, responseDeserialize } = method;
      const stream = client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
      stream.write({ listServices: '' });
      stream.write({ listServices: '' });
      stream.end();
      const lists: string[][] = [];
      for await (const { listServicesResponse } of stream)
        lists.push(listServicesResponse.service.map((service: { name: string }) => service.name));
      const services = ['meshmock.v1.MeshMock', 'grpc.health.v1.Health'];
      assert.deepEqual(lists, [services, services]);
    });

  const health = (name: 'Check' | 'List', request: object): Promise<unknown> => {
    const { path: method, requestSerialize, responseDeserialize } = healthService[name] as ServiceDefinition[string];
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(method, requestSerialize, responseDeserialize, request, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  };

  test('health answers for the server and its service, and for no other', async () => {
    assert.deepEqual(await health('Check', {}), { status: 'SERVING' });
    assert.deepEqual(await health('Check', { service: 'meshmock.v1.MeshMock' }), { status: 'SERVING' });
    await assert.rejects(health('Check', { service: 'other' }), { code: 5 });
    assert.deepEqual(await health('List', {}), {
      statuses: { '': { status: 'SERVING' }, 'meshmock.v1.MeshMock': { status: 'SERVING' } },
    });
  });

  test('a client that watches the health is notified when the service stops', async () => {
    const { path: method, requestSerialize, responseDeserialize } = healthService.Watch as ServiceDefinition[string];
    const stream = client.makeServerStreamRequest(method, requestSerialize, responseDeserialize, {});
    const statuses: string[] = [];
    stream.on('error', () => {});
    for await (const { status } of stream) {
      statuses.push(status);
      if (statuses.length === 1) program.child.kill('SIGTERM');
      else break;
    }
    assert.deepEqual(statuses, ['SERVING', 'NOT_SERVING']);
  });
});
