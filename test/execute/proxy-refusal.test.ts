import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { grpcCodeOf } from '../../src/reply/status.ts';
import { runProgram } from '../program.ts';
import { callHttp, sendHttp, startMesh, type TestMesh } from '../running-mesh.ts';

/** Answers of a server in place of the caller's sidecar, by host. They are those of Envoy, over either protocol. */
const answers = {
  denied: [403, 'PERMISSION_DENIED', 'RBAC: access denied', { 'x-envoy-upstream-service-time': '1' }],
  aborted: [418, 'UNKNOWN', 'fault filter abort', {}],
  late: [504, 'UNAVAILABLE', 'upstream request timeout', {}],
  lost: [404, 'UNIMPLEMENTED', '', {}],
  // Answers of the callee itself, which the proxy forwards.
  foreign: [404, 'UNIMPLEMENTED', '', { 'x-envoy-upstream-service-time': '1' }],
  down: [503, 'UNAVAILABLE', 'gone fishing', { 'x-envoy-upstream-service-time': '1' }],
  signed: [503, 'UNAVAILABLE', 'no healthy upstream', { 'x-meshmock': 'signed/v1' }],
} as const;

type Host = keyof typeof answers;

const http1 = http.createServer((request, response) => {
  const [status, , text, headers] = answers[(request.headers.host ?? '').split(':')[0] as Host];
  const type = text === '' ? {} : { 'content-type': 'text/plain' };
  response.writeHead(status, { server: 'envoy', 'content-length': text.length, ...type, ...headers }).end(text);
});

// Trailers only, as Envoy sends them. The http2 module of Node sends no other frames.
const grpc = http2.createServer().on('stream', (stream: http2.ServerHttp2Stream, { ':authority': authority = '' }) => {
  const [, code, text, headers] = answers[authority.split(':')[0] as Host];
  stream.on('error', () => {});
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      server: 'envoy',
      'grpc-status': String(grpcCodeOf(code)),
      ...(text === '' ? {} : { 'grpc-message': text }),
      ...headers,
    },
    { endStream: true },
  );
});

async function listen(server: net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return String((server.address() as AddressInfo).port);
}

suite('a proxy that refuses a call', () => {
  let mesh: TestMesh;
  let [httpPort, grpcPort] = ['', ''];
  const gateway = (path: string) => callHttp(mesh.httpPort('gateway'), path);
  before(async () => {
    mesh = await startMesh(['gateway', 'service1']);
    [httpPort, grpcPort] = [await listen(http1), await listen(grpc)];
    for (const host of Object.keys(answers)) {
      mesh.dialler.add({ host, port: '8080', toHost: '127.0.0.1', toPort: httpPort });
      mesh.dialler.add({ host, port: '9090', toHost: '127.0.0.1', toPort: grpcPort });
    }
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    http1.closeAllConnections();
    http1.close();
    grpc.close();
  });

  for (const scheme of ['http', 'grpc']) {
    const outcomes: readonly (readonly [Host, string, string | undefined, status: number])[] = [
      ['denied', 'proxy', 'rbac_denied', 502],
      ['aborted', 'proxy', 'fault', 502],
      ['late', 'proxy', 'timeout', 504],
      ['lost', 'proxy', 'no_route', 502],
      ['foreign', 'foreign', undefined, 200],
      ['down', 'foreign', undefined, 502],
      ['signed', 'service', undefined, 502],
    ];
    for (const [host, answeredBy, reason, status] of outcomes) {
      test(`${scheme}: the call to ${host} is answered by ${answeredBy}`, async () => {
        const reply = await gateway(`/@${scheme}:${host}/x`);
        const call = reply.calls?.[0];
        assert.deepEqual([call?.answeredBy, call?.mesh?.refusal?.reason, reply.status], [answeredBy, reason, status]);
        assert.deepEqual([call?.mesh?.proxy, call?.body], ['envoy', answers[host][2] || undefined]);
      });
    }

    test(`${scheme}: a refused branch does not affect the others, in a cascade that mixes both protocols`, async () => {
      const reply = await gateway(`/@service1|grpc:service1/@${scheme}:denied,service1/x`);
      for (const { reply: below } of reply.calls ?? []) {
        const reasons = below?.calls?.map(({ mesh: evidence, status }) => [evidence?.refusal?.reason, status]);
        assert.deepEqual(reasons, [
          ['rbac_denied', 403],
          [undefined, 200],
        ]);
      }
      assert.equal(reply.calls?.length, 2);
    });

    test(`${scheme}: each attempt is refused, and a summary counts refusals`, async () => {
      const tried = await gateway(`/@${scheme}:lost;retries=2/x`);
      assert.equal(tried.calls?.[0]?.attempts?.length, 3);
      const { status, calls = [] } = await gateway(`/@${scheme}:aborted*5/x`);
      assert.equal(status, 502);
      assert.deepEqual(calls[0]?.summary?.byAnswer, { proxy: 5 });
      assert.deepEqual(calls[0]?.summary?.byRefusal, { fault: 5 });
    });

    test(`${scheme}: meshmock call reports a refusal, also of its own request`, async () => {
      const port = scheme === 'http' ? httpPort : grpcPort;
      const entry = `localhost:${mesh.httpPort('gateway')}`;
      const below = ['call', `${entry}/@${scheme}:denied/x`, '--expect', 'denied refusal = rbac_denied'];
      const { code, stdout } = await runProgram([...below, '--expect', 'denied answered-by = proxy']);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /403 .* refused by the proxy: rbac_denied \(An AuthorizationPolicy denies the request\)\n/);
      const url = `${scheme === 'http' ? '' : 'grpc:'}denied:80/x`;
      const connectTo = ['--connect-to', `denied:80:127.0.0.1:${port}`];
      const own = await runProgram(['call', url, ...connectTo, '--expect', 'refusal = rbac_denied']);
      assert.equal(own.code, 0, own.stdout + own.stderr);
      assert.match(own.stdout, /^denied:80: 403, refused by the proxy: rbac_denied\. An AuthorizationPolicy/);
    });
  }

  test('the text of a reply shows each refusal in a line', async () => {
    const { body } = await sendHttp(mesh.httpPort('gateway'), '/@aborted,late*2,down/x', {
      headers: { accept: 'text/plain' },
    });
    assert.match(body, /aborted:8080 +418 .* refused by the proxy: fault \(A fault was injected\)\n/);
    assert.match(body, /late:8080 \*2 +504 .* 504 ×2 · refused by a proxy: timeout ×2 · p50/);
    assert.match(body, /down:8080 +503 .* foreign · gone fishing · proxy \d+\.\d ms\n/);
  });
});
