import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { parseUpstream } from '../../src/execute/octopus.ts';
import type { Role } from '../../src/execute/role.ts';
import { callGrpc, callHttp, sendHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

const webserver = (content: string): { role: Role } => ({ role: { kind: 'webserver', content } });
const proxy = (url: string): { role: Role } => ({ role: { kind: 'proxy', upstream: parseUpstream(url) } });

suite('the Octopus proxy and webservers', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      { name: 'proxy', ...proxy('http://webserver:8080') },
      { name: 'webserver', version: 'v1', pod: 'web-v1-1', ...webserver('WebServer V1') },
      { name: 'webserver', version: 'v2', pod: 'web-v2-1', ...webserver('WebServer V2') },
      { name: 'gone', ...proxy('http://127.0.0.1:1') },
      { name: 'over-grpc', ...proxy('grpc://webserver') },
      'a',
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const get = (name: string, path: string, accept?: string): ReturnType<typeof sendHttp> =>
    sendHttp(mesh.httpPort(name), path, { headers: accept === undefined ? {} : { accept } });

  test('the webserver answers with its content, the path without the query, the host name and the status', async () => {
    const { status, body, headers } = await get('webserver', '/some/path?query=1');
    assert.equal(body, 'WebServer V1 requested from /some/path on web-v1-1 with code 200');
    assert.deepEqual([status, headers['content-type']], [200, 'text/plain; charset=utf-8']);
    const failed = await get('webserver', '/~status=503/x');
    assert.deepEqual([failed.status, failed.body], [503, 'WebServer V1 requested from /x on web-v1-1 with code 503']);
  });

  test('the path /failsometimes of the webserver fails one time in three, and its text has the status 500', async () => {
    const bodies = new Map<string, number>();
    for (let index = 0; index < 30; index++) {
      const { status, body } = await get('webserver', `/failsometimes?nr=${index}`);
      assert.equal(body, `WebServer V1 requested from /failsometimes on web-v1-1 with code ${status}`);
      bodies.set(body, (bodies.get(body) ?? 0) + 1);
    }
    assert.deepEqual([...bodies.values()].sort(), [10, 20]);
  });

  test('the proxy answers with the body of its upstream and the time that it took, over both protocols', async () => {
    for (const name of ['proxy', 'over-grpc']) {
      const bodies = [(await get(name, '/')).body, (await get(name, '/')).body];
      for (const version of [1, 2]) {
        const expected = new RegExp(
          `^Proxying value: WebServer V${version} requested from / on web-v${version}-1 with code 200 - Took \\d+ milliseconds$`,
        );
        assert.ok(
          bodies.some((body) => expected.test(body)),
          `${expected}: ${bodies}`,
        );
      }
    }
  });

  test('the proxy forwards the path with its query, and trace and routing headers', async () => {
    await using upstream = await startForeignServer((_request, response) => response.end('up'));
    await using own = await startMesh([{ name: 'proxy', ...proxy(`http://127.0.0.1:${upstream.port}/base`) }]);
    const { body } = await sendHttp(own.httpPort('proxy'), '/some/path?query=%5D', {
      headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'end-user': 'jason', 'x-request-id': 'id' },
    });
    assert.match(body, /^Proxying value: up - Took \d+ milliseconds$/);
    await sendHttp(own.httpPort('proxy'), '/');
    const [first, second] = upstream.requests;
    assert.deepEqual([first?.url, second?.url], ['/base/some/path?query=%5D', '/base']);
    assert.deepEqual(
      [first?.headers['end-user'], first?.headers['x-request-id'], first?.headers.traceparent?.slice(3, 35)],
      ['jason', 'id', 'a'.repeat(32)],
    );
  });

  test('the proxy forwards a long foreign body whole, and a reply shows its first part', async () => {
    const long = 'ä'.repeat(5000);
    await using upstream = await startForeignServer((_request, response) => response.end(long));
    await using own = await startMesh([{ name: 'proxy', ...proxy(`http://127.0.0.1:${upstream.port}`) }]);
    const { body } = await sendHttp(own.httpPort('proxy'), '/');
    assert.ok(body.startsWith(`Proxying value: ${long} - Took`));
    const shown = await callHttp(mesh.httpPort('a'), `/@127.0.0.1:${upstream.port}/x`);
    assert.deepEqual([shown.calls?.[0]?.body?.length, shown.calls?.[0]?.bodyBytes], [1024, 10_000]);
  });

  test('the proxy answers with 502, the error and the time if its upstream fails', async () => {
    const { status, body } = await get('gone', '/x');
    assert.equal(status, 502);
    assert.match(body, /^Error: connect ECONNREFUSED 127\.0\.0\.1:1 - Took \d+ milliseconds$/);
    const bodies = await Promise.all(Array.from({ length: 6 }, () => get('proxy', '/failsometimes')));
    const failed = bodies.filter(({ status: code }) => code === 502);
    assert.equal(failed.length, 2);
    for (const { body: text } of failed) assert.match(text, /with code 500 - Took \d+ milliseconds$/);
  });

  test('a proxy with a directive to fail answers as if its upstream had failed', async () => {
    const { status, body } = await get('proxy', '/~status=503/x');
    assert.equal(status, 503);
    assert.match(body, /^Error: status 503 - Took \d+ milliseconds$/);
  });

  test('a proxy without calls or hops left refuses the request, and does not call its upstream', async () => {
    const count = mesh.arrivals.length;
    for (const name of ['x-meshmock-calls', 'x-meshmock-depth']) {
      const reply = await callHttp(mesh.httpPort('proxy'), '/x', { [name]: '0' });
      assert.deepEqual([reply.status, reply.error?.code, reply.calls], [400, 'limit_exceeded', undefined]);
    }
    assert.equal(mesh.arrivals.length, count + 2);
  });

  test('the proxy marks a body that is too long to forward whole', async () => {
    await using upstream = await startForeignServer((_request, response) => response.end('x'.repeat(100_000)));
    await using own = await startMesh([{ name: 'proxy', ...proxy(`http://127.0.0.1:${upstream.port}`) }]);
    const { body } = await sendHttp(own.httpPort('proxy'), '/');
    assert.match(body, /^Proxying value: x{65536}… \(the first part of \d+ bytes\) - Took/);
  });

  test('the proxy cuts a long body between characters', async () => {
    await using upstream = await startForeignServer((_request, response) => response.end(`x${'ä'.repeat(50_000)}`));
    await using own = await startMesh([{ name: 'proxy', ...proxy(`http://127.0.0.1:${upstream.port}`) }]);
    const { body } = await sendHttp(own.httpPort('proxy'), '/');
    assert.match(body, /^Proxying value: xä{32767}… \(the first part of \d+ bytes\) - Took/);
  });

  test('clients that accept JSON, and gRPC clients, get the same facts as a reply', async () => {
    const reply = await callHttp(mesh.httpPort('proxy'), '/x');
    assert.match(
      reply.body ?? '',
      /^Proxying value: WebServer V\d requested from \/x on web-v\d-1 with code 200 - Took/,
    );
    assert.match(reply.calls?.[0]?.reply?.body ?? '', /^WebServer V\d requested from \/x/);
    const { reply: overGrpc } = await callGrpc(mesh.grpcPort('proxy'), { path: '/x' });
    assert.match(overGrpc?.body ?? '', /^Proxying value: /);
    const refused = await callGrpc(mesh.grpcPort('gone'), { path: '/x' });
    assert.deepEqual([refused.code, refused.reply?.calls?.[0]?.error?.code], [14, 'refused']);
    assert.match(refused.reply?.body ?? '', /^Error: connect ECONNREFUSED/);
  });

  const accepts: [accept: string | undefined, isText: boolean][] = [
    [undefined, true],
    ['*/*', true],
    ['text/plain', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', true],
    ['application/json', false],
    ['application/json, text/plain, */*', false],
    ['text/plain;q=0.5, application/json', false],
  ];
  for (const [accept, isText] of accepts) {
    test(`the webserver answers Accept: ${accept} with ${isText ? 'its text' : 'a reply'}`, async () => {
      const { body } = await get('webserver', '/x', accept);
      assert.equal(body.startsWith('WebServer V1 requested from /x'), isText, body);
    });
  }

  test('the proxy and the webserver execute plans as other services do', async () => {
    for (const name of ['proxy', 'webserver']) {
      const reply = JSON.parse((await get(name, '/@a/@webserver/x')).body) as Awaited<ReturnType<typeof callHttp>>;
      assert.equal(reply.calls?.[0]?.reply?.calls?.[0]?.reply?.service, 'webserver');
    }
    const reply = await callHttp(mesh.httpPort('a'), '/@proxy/x');
    assert.match(reply.calls?.[0]?.reply?.calls?.[0]?.reply?.body ?? '', /^WebServer/);
  });
});

const upstreams: [text: string, upstream: ReturnType<typeof parseUpstream> | RegExp][] = [
  ['http://webserver', { scheme: 'http', host: 'webserver', port: 80, path: '' }],
  ['https://webserver/', { scheme: 'https', host: 'webserver', port: 443, path: '' }],
  ['grpc://webserver', { scheme: 'grpc', host: 'webserver', port: 9090, path: '' }],
  ['http://[::1]:8081/a/b/', { scheme: 'http', host: '::1', port: 8081, path: '/a/b' }],
  ['webserver', /not the URL of an upstream/],
  ['ftp://webserver', /not the URL of an upstream/],
  ['http://', /expected the name or address of a host/],
  ['http://a:99999', /expected a port/],
  ['http://a/x?y', /not the URL of an upstream/],
];
for (const [text, expected] of upstreams) {
  test(`the upstream ${text} is ${expected instanceof RegExp ? 'refused' : 'accepted'}`, () => {
    if (expected instanceof RegExp)
      assert.throws(
        () => parseUpstream(text),
        (error) => error instanceof MeshmockError && expected.test(error.message),
      );
    else assert.deepEqual(parseUpstream(text), expected);
  });
}
