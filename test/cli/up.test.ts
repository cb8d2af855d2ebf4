import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { runProgram, startProgram } from '../program.ts';
import { callGrpc, callHttp, sendHttp, treeOf } from '../running-mesh.ts';

const anyPorts = ['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];

/** Reports whether a process exists (kill(2) with signal 0). */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('five services dial each other by name over both protocols, log nothing, and end at one signal', async () => {
  const up = startProgram(anyPorts, { OTEL_SDK_DISABLED: 'true' });
  try {
    await up.printed(/Ctrl-C stops the mesh/);
    const [, http, grpc] = /gateway +http localhost:(\d+) +grpc localhost:(\d+)/.exec(up.stdout) ?? [];
    const reply = await callHttp(
      Number(http),
      '/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello',
    );
    assert.equal(treeOf(reply), 'gateway(service1(service3,service4),service2(service3,service4))');
    assert.equal(reply.pod, 'gateway-1');
    const full = await callHttp(Number(http), '/@service1.any.svc/@grpc:service2.shop.svc.cluster.local/x');
    assert.equal(treeOf(full), 'gateway(service1(service2))');
    assert.equal(full.calls?.[0]?.target, 'service1.any.svc:8080');
    const { reply: overGrpc } = await callGrpc(Number(grpc), { path: '/@service1/@service2/' });
    assert.ok(overGrpc !== undefined);
    assert.equal(treeOf(overGrpc), 'gateway(service1(service2))');
    assert.equal(up.stdout.split('\n').filter((line) => line.startsWith('{')).length, 0);
  } finally {
    up.child.kill('SIGINT');
  }
  assert.equal(await up.exited(), 0);
});

test('the services end with the process that started them, however it ends', async () => {
  const up = startProgram([...anyPorts, '--log-level', 'info'], { OTEL_SDK_DISABLED: 'true' });
  await up.printed(/Ctrl-C stops the mesh/);
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
    assert.match(stderr, new RegExp(`port ${port} for gateway is taken: choose another first port with --http`));
  } finally {
    taken.close();
  }
});

test('octopus: a hundred requests to the proxy reach both versions and all six pods in turn, with the classic text', async () => {
  // Variables of one service must not reach the services that the command starts.
  const others = { PROXYURL: 'http://127.0.0.1:1', MESHMOCK_BEHAVIOUR: '/~status=500', MESHMOCK_POD: 'other' };
  await using up = startProgram(['up', 'octopus', ...anyPorts.slice(1)], { OTEL_SDK_DISABLED: 'true', ...others });
  await up.printed(/Ctrl-C stops the mesh/);
  const [, port] = /proxy +http localhost:(\d+)/.exec(up.stdout) ?? [];
  const counts = new Map<string, number>();
  for (let index = 0; index < 102; index++) {
    const { status, body } = await sendHttp(Number(port), '/');
    assert.equal(status, 200);
    const [, version, pod] =
      /^Proxying value: WebServer (V[12]) requested from \/ on (webserver-v[12]-[123]) with code 200 - Took \d+ milliseconds$/.exec(
        body,
      ) ?? assert.fail(body);
    assert.equal(pod?.includes(version?.toLowerCase() ?? '?'), true);
    counts.set(pod ?? '', (counts.get(pod ?? '') ?? 0) + 1);
  }
  assert.deepEqual([...counts.values()], [17, 17, 17, 17, 17, 17]);
  const bodies = await Promise.all(Array.from({ length: 60 }, () => sendHttp(Number(port), '/failsometimes')));
  // One in three of each of the six pods.
  assert.ok(Math.abs(bodies.filter(({ body }) => body.includes('with code 500')).length - 20) <= 6);
});

test('a mesh file has pods of several versions in turn, a name per version, both protocols and a seed', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-'));
  const file = path.join(folder, 'mesh.yaml');
  try {
    await writeFile(
      file,
      `services:
  - name: front
  - name: reviews
    versions:
      - version: v1
        replicas: 2
      - {version: v2, behaviour: "/~status=503:0.5", zone: eu-1a}
`,
    );
    const seen: unknown[] = [];
    for (let run = 0; run < 2; run++) {
      await using up = startProgram(['up', file, '--seed', 'one', ...anyPorts.slice(1)], { OTEL_SDK_DISABLED: 'true' });
      await up.printed(/Ctrl-C stops the mesh/);
      const [, port] = /front +http localhost:(\d+)/.exec(up.stdout) ?? [];
      for (const scheme of ['http', 'grpc']) {
        const { calls } = await callHttp(Number(port), `/@${scheme}:reviews*12,${scheme}:reviews-v2*4/x`);
        assert.deepEqual(
          calls?.map(({ summary }) => [summary?.byVersion, summary?.byPod]),
          [
            [
              { v1: 8, v2: 4 },
              { 'reviews-v1-1': 4, 'reviews-v1-2': 4, 'reviews-v2-1': 4 },
            ],
            [{ v2: 4 }, { 'reviews-v2-1': 4 }],
          ],
        );
      }
      const statuses: number[] = [];
      for (let index = 0; index < 20; index++) {
        const { calls } = await callHttp(Number(port), '/@reviews-v2/x');
        statuses.push(calls?.[0]?.status ?? 0);
        assert.equal(calls?.[0]?.reply?.zone, 'eu-1a');
      }
      seen.push(statuses);
    }
    assert.deepEqual(seen[0], seen[1]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an error in a mesh file names its place and its cause', async () => {
  const { code, stderr } = await runProgram(['up', 'no-such-file.yaml']);
  assert.equal(code, 2);
  assert.match(stderr, /"no-such-file.yaml" is neither demo or octopus nor a file: ENOENT/);
});
