/** Bodies of requests: shown in replies, passed on by plans, answered by stand-ins, and content types of answers. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { parseAnswersFile } from '../../src/cli/serve/answers-file.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

const answers = `answers:
  - { path: /users/:id, method: GET, body: { id: 7, name: Ada } }
  - { path: /users, method: POST, status: 201, body: '{"id": 8}' }
  - { path: /page, type: text/html, body: "<p>x</p>" }
  - { path: /old/*, status: 404, body: gone }
  - { path: /empty, status: 204 }
  - path: /login
    status: 302
    headers: { Location: /home, set-cookie: [a=1; Path=/, b=2], cache-control: no-store, x-count: 7 }
`;

suite('bodies of requests', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(
      ['a', 'b', { name: 'users', role: { kind: 'stand-in', answers: parseAnswersFile(answers, 'answers.yaml') } }],
      {},
      [],
      { maxAnswerBytes: 1_000_000 },
    );
  });
  after(() => mesh[Symbol.asyncDispose]());

  interface Sent {
    readonly status: number | undefined;
    readonly headers: http.IncomingHttpHeaders;
    readonly body: string;
  }

  async function send(
    name: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
    method = 'POST',
  ): Promise<Sent> {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const request = http.request({ port: mesh.httpPort(name), path, method, headers, agent: false }, resolve);
    request.once('error', reject);
    request.end(body);
    const response = await promise;
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }

  async function reply(...args: Parameters<typeof send>): Promise<Reply> {
    return JSON.parse((await send(...args)).body) as Reply;
  }

  test('a reply shows the body that arrived, with its size, and none for a request without one', async () => {
    const { request } = await reply('a', '/x', 'häßlich', { 'content-type': 'text/plain' });
    assert.deepEqual([request?.body, request?.bodyBytes], ['häßlich', 9]);
    const chunked = await reply('a', '/x', 'ab', { 'transfer-encoding': 'chunked' });
    assert.deepEqual([chunked.request?.body, chunked.request?.bodyBytes], ['ab', 2]);
    const without = await reply('a', '/x', undefined, {}, 'GET');
    assert.deepEqual([without.request?.body, without.request?.bodyBytes], [undefined, undefined]);
  });

  test('of a long body a reply shows the first 2,048 bytes, and of one that is not text only the size', async () => {
    const long = await reply('a', '/x', 'ä'.repeat(100_000));
    assert.deepEqual([long.request?.body, long.request?.bodyBytes], ['ä'.repeat(1024), 200_000]);
    const binary = await reply('a', '/x', Buffer.from([0xff, 0xfe, 0]));
    assert.deepEqual([binary.request?.body, binary.request?.bodyBytes], [undefined, 3]);
  });

  test('a call with ;body passes the body and its type on, hop by hop; other calls do not', async () => {
    const answered = await reply('a', '/@b;body/@users;body;method=PUT/x', '{"a":1}', {
      'content-type': 'application/json',
    });
    const b = answered.calls?.[0]?.reply;
    const users = b?.calls?.[0]?.reply;
    assert.deepEqual(
      [b, users].map((one) => [one?.request?.method, one?.request?.body, one?.request?.headers?.['content-type']]),
      [
        ['POST', '{"a":1}', 'application/json'],
        ['PUT', '{"a":1}', 'application/json'],
      ],
    );
    const other = await reply('a', '/@b/x', 'x');
    assert.deepEqual(
      [other.request?.body, other.calls?.[0]?.reply?.request?.method, other.calls?.[0]?.reply?.request?.body],
      ['x', 'GET', undefined],
    );
  });

  test('a compressed body is passed on with its coding', async () => {
    const answered = await reply('a', '/@b;body/x', '{"a":1}', { 'content-encoding': 'gzip' });
    assert.equal(answered.calls?.[0]?.reply?.request?.headers?.['content-encoding'], 'gzip');
    const other = await reply('a', '/@b/x', '{"a":1}', { 'content-encoding': 'gzip' });
    assert.equal(other.calls?.[0]?.reply?.request?.headers?.['content-encoding'], undefined);
  });

  test('the whole body reaches another server, byte for byte, and every repetition of a call', async () => {
    const body = Buffer.alloc(50_000, 'abcdefg');
    const received: string[] = [];
    await using server = await startForeignServer(async (request, response) => {
      received.push(await text(request));
      response.end();
    });
    await reply('a', `/@127.0.0.1:${server.port}*2;body/x`, body);
    assert.deepEqual(received, [body.toString(), body.toString()]);
  });

  test('a body over the bound of one answer is refused if it is passed on, and only counted if it is not', async () => {
    const large = Buffer.alloc(1_100_000, 'a');
    const refused = await reply('a', '/@b;body/x', large);
    assert.equal(refused.status, 503);
    assert.match(refused.error?.message ?? '', /--max-answer/);
    assert.equal(refused.calls, undefined);
    const counted = await reply('a', '/@b/x', large);
    assert.deepEqual([counted.status, counted.request?.bodyBytes], [200, 1_100_000]);
  });

  test('a client that ends in the middle of its body leaves nothing behind', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const request = http.request({
      port: mesh.httpPort('a'),
      path: '/@b;body/x',
      method: 'POST',
      headers: { 'content-length': '100' },
    });
    request.once('error', () => resolve());
    request.write('half');
    setTimeout(() => request.destroy(), 50);
    await promise;
    assert.equal((await reply('a', '/x', 'y')).status, 200);
  });

  test('a stand-in answers by method and path as the real service would', async () => {
    const found = await send('users', '/users/7?x=1', undefined, { accept: 'application/json' }, 'GET');
    assert.deepEqual(
      [found.status, found.headers['content-type'], found.body],
      [200, 'application/json; charset=utf-8', '{"id":7,"name":"Ada"}'],
    );
    const made = await send('users', '/users', '{}');
    assert.deepEqual(
      [made.status, made.headers['content-type'], made.body],
      [201, 'application/json; charset=utf-8', '{"id": 8}'],
    );
    const page = await send('users', '/page', undefined, {}, 'GET');
    assert.deepEqual([page.headers['content-type'], page.headers['x-content-type-options']], ['text/html', 'nosniff']);
    const gone = await send('users', '/old/a/b', undefined, {}, 'GET');
    assert.deepEqual(
      [gone.status, gone.body, gone.headers['content-type']],
      [404, 'gone', 'text/plain; charset=utf-8'],
    );
    assert.equal((await send('users', '/empty', undefined, {}, 'DELETE')).status, 204);
  });

  test('a stand-in sends the headers of its answer, also to meshmocks, and those of directives', async () => {
    for (const headers of [{ accept: 'application/json' }, { 'user-agent': 'meshmock/1' }]) {
      const redirect = await send('users', '/~header[x-own=1]/login', undefined, headers, 'GET');
      const { location, 'set-cookie': cookies, 'cache-control': cache } = redirect.headers;
      assert.deepEqual([redirect.status, location, cookies, cache], [302, '/home', ['a=1; Path=/', 'b=2'], 'no-store']);
      assert.deepEqual([redirect.headers['x-count'], redirect.headers['x-own']], ['7', '1']);
    }
    const other = await send('users', '/others', undefined, {}, 'GET');
    assert.equal(other.headers.location, undefined);
  });

  test('a stand-in is a mock for meshmocks, for other paths and for directives', async () => {
    const called = (await reply('a', '/@users/users/7', undefined, {}, 'GET')).calls?.[0];
    assert.deepEqual(
      [called?.answeredBy, called?.reply?.body, called?.reply?.pod],
      ['service', '{"id":7,"name":"Ada"}', 'users-1'],
    );
    const other = await reply('users', '/others', undefined, {}, 'GET');
    assert.equal(other.body, 'users v1 answers GET /others');
    const sick = await reply('users', '/~status=503/users/7', undefined, {}, 'GET');
    assert.deepEqual([sick.status, sick.service], [503, 'users']);
  });

  test('a content type from a directive makes the body the whole answer, and only types that browsers do not run are allowed', async () => {
    const answered = await send('a', '/~body={"a"%3A1}/~header[content-type=application/json]/x', undefined, {}, 'GET');
    assert.deepEqual(
      [answered.body, answered.headers['content-type'], answered.headers['x-content-type-options']],
      ['{"a":1}', 'application/json', 'nosniff'],
    );
    for (const type of [
      'text/html',
      'image/svg+xml',
      'application/xml',
      'text/javascript',
      'application/json; charset=utf-16',
      'text/plain, text/html',
    ]) {
      const refused = await reply(
        'a',
        `/~body=x/~header[content-type=${type.replaceAll(' ', '%20')}]/x`,
        undefined,
        {},
        'GET',
      );
      assert.deepEqual([refused.status, refused.error?.code], [400, 'invalid_plan'], type);
    }
    const call = (await reply('a', '/@b/~body=x/~header[content-type=text/plain]/y', undefined, {}, 'GET')).calls?.[0];
    assert.deepEqual([call?.reply?.body, call?.reply?.service], ['x', 'b']);
  });
});

test('the answers of a file keep all digits of whole numbers', () => {
  const table = parseAnswersFile('answers: [{ path: /a, body: { id: 12345678901234567890, n: 7, x: 1.5 } }]', 'a.yaml');
  assert.equal(table.find('GET', '/a')?.body, '{"id":12345678901234567890,"n":7,"x":1.5}');
});

test('a path that is a plan is an error, since no request for it gets the answer', () => {
  for (const path of ['/@a/x', '/~status=503/x', '//@a/x'])
    assert.throws(
      () => parseAnswersFile(`answers: [{ path: "${path}" }]`, 'a.yaml'),
      /expected a path that is not a plan: a plan is executed/,
    );
});

test('a header that would break an answer is an error at its name or value', () => {
  for (const [field, problem] of [
    ['content-type: text/html', /a\.yaml:1:\d+: expected the content type as "type" of the answer/],
    ['content-length: "3"', /expected a header other than content-length/],
    ['x-content-type-options: none', /expected a header other than x-content-type-options/],
    ['x-meshmock: a/v1', /expected a header other than x-meshmock/],
    ['"x y": a', /expected the name of a header/],
    ['x: "a\\nb"', /expected a header value of printable ASCII characters/],
    ['set-cookie: []', /expected a list with at least one entry/],
  ] as const)
    assert.throws(() => parseAnswersFile(`answers: [{ path: /a, headers: { ${field} } }]`, 'a.yaml'), problem, field);
});

test('errors of a file of answers appear at once, each with its place', () => {
  try {
    parseAnswersFile(
      'answers:\n  - { path: users }\n  - { path: /a, status: 99, boddy: x }\n  - { method: get, path: "/{" }\n',
      'f.yaml',
    );
    assert.fail('nothing was refused');
  } catch (error) {
    assert.ok(error instanceof MeshmockError);
    assert.deepEqual(
      [error, ...error.others].map(({ message }) => message.replace(/^(f\.yaml:\S+) .*$/s, '$1')),
      ['f.yaml:2:13:', 'f.yaml:3:29:', 'f.yaml:3:25:', 'f.yaml:4:26:'],
    );
  }
});
