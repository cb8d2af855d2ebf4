import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { EchoServer } from '../../../src/execute/echo-server.ts';
import { installEchoClient } from '../../../src/istio/echo-client/install.ts';
import { startMesh, type TestMesh } from '../../running-mesh.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-echo-client-'));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function client(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(
      'client',
      args,
      { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } },
      (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

suite("The client of Istio's echo image", () => {
  let mesh: TestMesh;
  before(async () => {
    await installEchoClient(folder);
    mesh = await startMesh([{ name: 'echo', role: new EchoServer('istio-echo') }]);
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await mesh[Symbol.asyncDispose]();
  });

  const http = (path: string): string => `http://127.0.0.1:${mesh.httpPort('echo')}${path}`;
  const grpc = (): string => `grpc://127.0.0.1:${mesh.grpcPort('echo')}`;

  test('prints the request, the answer and its body line by line', async () => {
    const { code, stdout } = await client(
      http('/a//b?headers=x-set:1'),
      '--method=POST',
      '-H',
      'X-one: a',
      '-H',
      'Host:echo',
    );
    assert.equal(code, 0);
    const lines = stdout.split('\n');
    for (const line of [
      '[0] Header=X-one:a',
      '[0] StatusCode=200',
      '[0] ResponseHeader=X-Set:1',
      '[0 body] Host=echo',
      '[0 body] URL=/a//b?headers=x-set:1',
      '[0 body] Method=POST',
      '[0 body] RequestHeader=X-One:a',
      '[0 body] Hostname=echo-1',
    ])
      assert.ok(lines.includes(line), `${line} in ${stdout}`);
    assert.ok(stdout.endsWith('\n\n'));
  });

  test('does not follow redirects, and prints any status', async () => {
    const { stdout } = await client(http('/?codes=302&headers=Location:/x'));
    assert.match(stdout, /^\[0\] StatusCode=302$/m);
    assert.match(stdout, /^\[0\] ResponseHeader=Location:\/x$/m);
  });

  for (const [protocol, url] of [
    ['HTTP', () => http('/')],
    ['gRPC', grpc],
  ] as const)
    test(`makes many requests over ${protocol}, and separates the answers by empty lines`, async () => {
      const { stdout } = await client(url(), '--count=60');
      const answers = stdout.split('\n\n').filter((text) => text !== '');
      assert.equal(answers.length, 60);
      for (const answer of answers) assert.match(answer, /StatusCode=200[\s\S]*Hostname=echo-1/);
    });

  test('ends with an error if there is no answer, or if it does not understand its arguments', async () => {
    const refused = await client('http://127.0.0.1:1/');
    assert.deepEqual([refused.code, refused.stdout], [255, '']);
    assert.match(refused.stderr, /ECONNREFUSED/);
    assert.match((await client('grpc://127.0.0.1:1', '--timeout=2s')).stderr, /UNAVAILABLE|CANCELLED/);
    assert.match((await client(http('/?delay=3s'), '--timeout=100ms')).stderr, /abort/);
    assert.match((await client('ftp://127.0.0.1/')).stderr, /expected a URL that begins with http/);
    assert.match((await client()).stderr, /expected one URL/);
  });
});
