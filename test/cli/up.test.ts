import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { runProgram, startProgram } from '../program.ts';
import { callGrpc, callHttp, treeOf } from '../running-mesh.ts';

const anyPorts = ['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];

/** Whether a process is there (kill(2) with signal 0). */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('five services dial each other by name over both protocols, say nothing, and one signal ends them all', async () => {
  const up = startProgram(anyPorts, { OTEL_SDK_DISABLED: 'true' });
  try {
    await up.printed(/Ctrl-C ends it all/);
    const [, http, grpc] = /gateway +http localhost:(\d+) +grpc localhost:(\d+)/.exec(up.stdout) ?? [];
    const reply = await callHttp(
      Number(http),
      '/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello',
    );
    assert.equal(treeOf(reply), 'gateway(service1(service3,service4),service2(service3,service4))');
    assert.equal(reply.pod, 'gateway-1');
    const { reply: overGrpc } = await callGrpc(Number(grpc), { path: '/@service1/@service2/' });
    assert.ok(overGrpc !== undefined);
    assert.equal(treeOf(overGrpc), 'gateway(service1(service2))');
    assert.equal(up.stdout.split('\n').filter((line) => line.startsWith('{')).length, 0);
  } finally {
    up.child.kill('SIGINT');
  }
  assert.equal(await up.exited(), 0);
});

test('the services end with the one that started them, however it ends', async () => {
  const up = startProgram([...anyPorts, '--log-level', 'info'], { OTEL_SDK_DISABLED: 'true' });
  await up.printed(/Ctrl-C ends it all/);
  const [, http] = /service4 +http localhost:(\d+)/.exec(up.stdout) ?? [];
  const { request } = await callHttp(Number(http), '/x');
  assert.ok(request !== undefined);
  up.child.kill('SIGKILL');
  // The pipes close when the last of the services has gone.
  await up.exited();
  assert.equal(isAlive(up.child.pid ?? 0), false);
  await assert.rejects(callHttp(Number(http), '/x'));
});

test('a taken port is an error that names the port, the service and the flag', async () => {
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = taken.address() as net.AddressInfo;
    const { code, stderr } = await runProgram(['up', '--http', `127.0.0.1:${port}`, '--grpc', '127.0.0.1:0']);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`port ${port}, for gateway, is taken: begin elsewhere with --http`));
  } finally {
    taken.close();
  }
});
