import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { PageData } from '../../src/page/model/page-data.ts';
import { type HttpAnswer, sendHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

/** What Chromium and Firefox send for a URL that is typed. */
const typed = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

/** Text that would run in a page that takes it for HTML. */
const attack = '</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"\'&';

suite('pages for browsers', () => {
  let mesh: TestMesh;
  let foreign: Awaited<ReturnType<typeof startForeignServer>>;
  before(async () => {
    mesh = await startMesh([
      { name: 'a', page: { traceUrl: 'https://jaeger.example/trace/{traceId}' } },
      { name: 'without' },
      { name: 'web', page: {}, role: { kind: 'webserver', content: 'WebServer V1' } },
      'b',
    ]);
    foreign = await startForeignServer((_request, response) => {
      response.setHeader('x-attack', '<script>alert(1)</script>');
      response.end(attack);
    });
  });
  after(async () => {
    await foreign[Symbol.asyncDispose]();
    await mesh[Symbol.asyncDispose]();
  });

  const get = (name: string, path: string, headers: Record<string, string> = { accept: typed }): Promise<HttpAnswer> =>
    sendHttp(mesh.httpPort(name), path, { headers });
  const typeOf = async (name: string, headers: Record<string, string>): Promise<string> =>
    (await get(name, '/@b/x', headers)).headers['content-type'] ?? '';
  const dataOf = (body: string): PageData =>
    JSON.parse(/<script type="application\/json" id="page-data">(.*?)<\/script>/s.exec(body)?.[1] ?? '') as PageData;

  test('only clients that prefer HTML get a page, never curl, never a hop, and never with --no-page', async () => {
    assert.match(await typeOf('a', { accept: typed }), /^text\/html/);
    for (const headers of [
      {},
      { accept: '*/*' },
      { accept: 'application/json' },
      { accept: 'application/json, text/html;q=0.9' },
      { accept: typed, 'user-agent': 'curl/8.9.0' },
      { accept: typed, 'x-meshmock-depth': '3' },
      { accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', 'user-agent': 'Java/17.0.9' },
      { accept: 'text/htmlish' },
    ])
      assert.match(await typeOf('a', headers), /^application\/json/, JSON.stringify(headers));
    assert.match(await typeOf('a', { accept: 'text/plain, text/html;q=0.5' }), /^text\/plain/);
    assert.match(await typeOf('without', { accept: typed }), /^application\/json/);
  });

  test('a page shows the reply of its own request, which is executed once', async () => {
    const before = mesh.arrivals.length;
    const { body, status } = await get('a', '/@b|127.0.0.1:1/hello');
    assert.equal(status, 502);
    assert.deepEqual(
      mesh.arrivals.slice(before).map(({ service }) => service),
      ['b', 'a'],
    );
    const { reply } = dataOf(body);
    assert.deepEqual(
      reply.calls?.map(({ target, status: each, error }) => [target, each ?? error?.code]),
      [
        ['b:8080', 200],
        ['127.0.0.1:1', 'refused'],
      ],
    );
    assert.match(body, /<th scope="row"><span[^>]*>├─ <\/span>b v1<small> \(b-1\)<\/small><\/th><td class="good">200/);
    assert.match(body, /127\.0\.0\.1:1<small><\/small><\/th><td class="bad">refused/);
  });

  test('a URL that a browser loads in advance is not executed', async () => {
    const before = mesh.arrivals.length;
    for (const headers of [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender', accept: typed },
      { purpose: 'prefetch', accept: typed },
    ]) {
      const answer = await get('a', '/@b/x', headers);
      assert.deepEqual([answer.status, answer.headers['cache-control'], answer.body], [503, 'no-store', '']);
    }
    assert.equal(mesh.arrivals.length, before);
    // A hop passes on what its caller decided.
    assert.equal((await get('a', '/@b/x', { 'sec-purpose': 'prefetch', 'x-meshmock-depth': '3' })).status, 200);
    assert.equal((await get('without', '/@b/x', { 'sec-purpose': 'prefetch' })).status, 200);
  });

  test('texts of others are text, in the HTML and in the data', async () => {
    const uri = `/x${encodeURI(attack).replaceAll('#', '')}`.replaceAll("'", '%27');
    const paths = [
      `/@127.0.0.1:${foreign.port}/x`,
      `/~body=${encodeURIComponent(attack)}/x`,
      `/@b[x-attack=${encodeURIComponent(attack).replaceAll("'", '%27')}]${uri}`,
      `/@b/x</script><script>alert(1)</script>`,
      '/@a(<script>alert(1)</script>',
    ];
    for (const path of paths) {
      const { body } = await get('a', path);
      assert.equal([...body.matchAll(/<script/g)].length, body.includes('type="module"') ? 2 : 1, path);
      assert.equal(body.includes('<img'), false, path);
      assert.equal(body.includes('<!--'), false, path);
    }
    const { body } = await get('a', `/@127.0.0.1:${foreign.port}/x`);
    assert.equal(dataOf(body).reply.calls?.[0]?.body, attack);
  });

  test('the policy of a page allows its own files only, and no directive changes that', async () => {
    const { headers } = await get(
      'a',
      '/~header[content-security-policy=script-src%20*]/~header[x-frame-options=ALLOW]/x',
    );
    const policies = String(headers['content-security-policy']).split(', ');
    const own = policies.find((policy) => policy.startsWith("default-src 'none'")) ?? '';
    assert.match(own, /script-src 'nonce-[A-Za-z0-9+/=]{24}'; style-src 'nonce-/);
    assert.doesNotMatch(own, /unsafe|https?:|\*/);
    assert.match(own, /frame-ancestors 'none'/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.notEqual(own, (await get('a', '/x')).headers['content-security-policy']);
  });

  test('the program of the page, its style and icon are files of the service', async () => {
    const { body } = await get('a', '/x');
    const files = [...body.matchAll(/"(\/-\/page\/[^"]+)"/g)].map(([, file = '']) => file);
    assert.equal(files.length, 4);
    for (const file of files) {
      const { status, headers } = await get('a', file, { 'accept-encoding': 'gzip' });
      assert.deepEqual([status, headers['content-encoding']], [200, 'gzip'], file);
      assert.match(headers['cache-control'] ?? '', /immutable/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      const again = await get('a', file, { 'if-none-match': headers.etag ?? '' });
      assert.equal(again.status, 304);
      assert.equal((await get('without', file)).status, 404);
    }
    assert.equal((await get('a', '/-/page/x/other.js')).status, 404);
  });

  test('a browser gets the classic text of a webserver, and a page for its plans and errors', async () => {
    const { headers, body } = await get('web', '/some/path');
    assert.deepEqual(
      [headers['content-type'], body],
      ['text/plain; charset=utf-8', 'WebServer V1 requested from /some/path on web-1 with code 200'],
    );
    assert.match((await get('web', '/@b/x')).headers['content-type'] ?? '', /^text\/html/);
  });

  test('a wrong plan is a page with its error and the caret', async () => {
    const { status, body } = await get('a', '/@b:x/');
    assert.equal(status, 400);
    assert.match(body, /<pre>\/@b:x\/\n {4}\^ expected a port/);
  });

  test('secrets in the path are not shown, and a long body is cut', async () => {
    const { body } = await get('a', '/@b[authorization=topsecret]/x');
    assert.equal(body.includes('topsecret'), false);
    const long = await get('a', '/~size=3MB/x');
    assert.ok(long.body.length < 100_000);
    assert.match(dataOf(long.body).reply.body ?? '', /x… \(3000000 bytes\)$/);
  });

  test('headers and bodies of other servers count towards the size of a page', async () => {
    await using large = await startForeignServer((_request, response) => {
      for (const index of Array.from({ length: 10 }).keys()) response.setHeader(`x-${index}`, 'x'.repeat(1500));
      response.end();
    });
    const { body } = await get('a', `/@${Array(320).fill(`127.0.0.1:${large.port}`).join('|')}/x`);
    assert.ok(body.length < 5 * 1024 * 1024, `${body.length} bytes`);
    const { calls = [] } = dataOf(body).reply;
    assert.equal(calls[0]?.headers?.['x-0']?.length, 1500);
    assert.deepEqual(
      [calls.at(-1)?.status, calls.at(-1)?.headers, calls.at(-1)?.pruned?.reason],
      [200, undefined, 'a page has answers of up to 4194304 bytes; the JSON has them all'],
    );
  });

  test('a browser gets JSON if the escapes of a page need more memory than there is', async () => {
    await using small = await startMesh([{ name: 'a', page: {} }], {}, [], { maxHeldBytes: 300_000 });
    const of = async (path: string): Promise<HttpAnswer> =>
      sendHttp(small.httpPort('a'), path, { headers: { accept: typed } });
    assert.match((await of('/x')).headers['content-type'] ?? '', /^text\/html/);
    const { status, headers } = await of(`/${'<'.repeat(8000)}`);
    assert.deepEqual([status, headers['content-type']], [200, 'application/json; charset=utf-8']);
  });

  test('answers in parts have the policy too, and events stay events', async () => {
    const { headers } = await get('a', '/~chunks=3/1ms/x');
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
    assert.match((await get('a', '/~events=2/1ms/x')).headers['content-type'] ?? '', /^text\/event-stream/);
  });
});
