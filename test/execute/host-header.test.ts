import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { parseConnectTo } from '../../src/execute/connect-to.ts';
import { parseServicePort } from '../../src/execute/service-ports.ts';
import { callHttp, startMesh, type TestMesh } from '../running-mesh.ts';

suite('the host and the port of a call', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'web']);
    const [http, grpc] = [mesh.httpPort('web'), mesh.grpcPort('web')];
    for (const port of [80, 443, 8081]) mesh.dialler.add(parseConnectTo(`web:${port}:127.0.0.1:${http}`));
    for (const port of [7070, 70]) mesh.dialler.add(parseConnectTo(`basket:${port}:127.0.0.1:${grpc}`));
    mesh.dialler.add(parseConnectTo(`shop:80:127.0.0.1:${http}`));
    mesh.dialler.add(parseConnectTo(`shop:8080:127.0.0.1:1`));
    mesh.dialler.add(parseConnectTo(`shop:8081:127.0.0.1:${http}`));
    mesh.servicePorts.replace(['shop:80', 'grpc:basket:7070'].map(parseServicePort));
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Returns the target of a call as its caller shows it, and the host as the callee does. */
  async function callTo(target: string): Promise<readonly [target: string | undefined, host: string | undefined]> {
    const { calls: [call] = [] } = await callHttp(mesh.httpPort('gateway'), `/@${target}/x`);
    const headers = call?.reply?.request?.headers;
    return [call?.target, headers?.host ?? headers?.[':authority']];
  }

  for (const [target, shown, host] of [
    ['web:80', 'web:80', 'web'],
    ['WEB:80', 'WEB:80', 'WEB'],
    ['web:443', 'web:443', 'web:443'],
    ['web', 'web:8080', 'web:8080'],
    ['web:8081', 'web:8081', 'web:8081'],
    ['grpc:web', 'web:9090', 'web:9090'],
    ['web:80[host=other:80]', 'web:80', 'other:80'],
  ] as const)
    test(`a call to ${target} has the host ${host}, as those of other clients do`, async () => {
      assert.deepEqual(await callTo(target), [shown, host]);
    });

  for (const [target, shown, host] of [
    ['shop', 'shop:80', 'shop'],
    ['Shop:8080', 'Shop:80', 'Shop'],
    ['shop:8081', 'shop:8081', 'shop:8081'],
    ['grpc:basket', 'basket:7070', 'basket:7070'],
  ] as const)
    test(`a call to ${target} goes to ${shown}, because the port of the Service is known`, async () => {
      assert.deepEqual(await callTo(target), [shown, host]);
    });
});

for (const text of ['web', 'web:0', 'web:65536', 'https:web:443', 'web:80:81', ':80'])
  test(`"${text}" is not the port of a Service`, () => {
    assert.throws(() => parseServicePort(text), /HOST:PORT, grpc:HOST:PORT or tcp:HOST:PORT/);
  });
