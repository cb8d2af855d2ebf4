import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { formatDirective } from '../../src/plan/format.ts';
import { parseDirectives } from '../../src/plan/parse.ts';
import type { Directive } from '../../src/plan/plan.ts';
import { grpcStatusNames } from '../../src/plan/plan.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { httpStatusOf } from '../../src/reply/status.ts';
import { callGrpc, callHttp, sendHttp, startMesh, type TestMesh } from '../running-mesh.ts';

/** Deadline of the callee of requests with `~hang`, in milliseconds. */
const hangMs = 1000;

/** Every directive, in each of its forms. */
const directives = [
  'delay=20ms',
  'delay=10ms-20ms',
  'delay=p50=5ms,p99=20ms',
  'status=503',
  'status=404',
  'status=202',
  'grpc-status=UNAVAILABLE',
  'grpc-status=DATA_LOSS',
  'grpc-status=OK',
  'close',
  'hang',
  'size=10B',
  'body=text',
  'header[a=b]',
  'trailer[a=b]',
  'chunks=2/1ms',
  'events=2/1ms',
  'cpu=5ms',
  'memory=1MB',
];

/** Model of what a caller sees of a service that applies directives. */
interface Expected {
  status: number;
  grpcStatus?: string;
  body: string | undefined;
  hasOwnBody?: true;
  error?: 'reset' | 'deadline_exceeded';
  leastMs: number;
  done: string[];
}

function expectedOf(given: readonly Directive[], uri: string, protocol: string): Expected {
  const expected: Expected = {
    status: 200,
    body: `b v1 answers ${protocol === 'http' ? 'GET' : 'Call'} ${uri}`,
    leastMs: 0,
    done: [],
  };
  for (const directive of given) {
    expected.done.push(formatDirective(directive));
    switch (directive.kind) {
      case 'delay':
        if (directive.delay.kind === 'fixed') expected.leastMs += directive.delay.delayMs;
        if (directive.delay.kind === 'uniform') expected.leastMs += directive.delay.minMs;
        break;
      case 'status':
        expected.status = directive.status;
        delete expected.grpcStatus;
        break;
      case 'grpc-status':
        Object.assign(expected, httpStatusOf(grpcStatusNames.indexOf(directive.grpcStatus)));
        break;
      case 'close':
        return { ...expected, error: 'reset' };
      case 'hang':
        return {
          ...expected,
          status: 504,
          grpcStatus: 'DEADLINE_EXCEEDED',
          body: undefined,
          error: 'deadline_exceeded',
        };
      case 'size':
        expected.hasOwnBody = true;
        expected.body = 'x'.repeat(directive.bytes);
        break;
      case 'body':
        expected.hasOwnBody = true;
        expected.body = directive.text;
        break;
      case 'cpu':
        expected.leastMs += directive.durationMs;
        break;
      case 'header':
      case 'trailer':
      case 'chunks':
      case 'events':
      case 'memory':
        break;
    }
    if (expected.status >= 400) {
      if (!expected.hasOwnBody) expected.body += ` with ${expected.status}, as a directive says`;
      return expected;
    }
  }
  return expected;
}

/** Removes the lengths of delays, because a reply shows the length that was drawn. */
const withoutDelays = (done: readonly string[] = []): string[] =>
  done.map((text) => text.replace(/^delay=.*/, 'delay'));

function assertAnswer(call: CallResult, expected: Expected, scheme: string): void {
  if (expected.error === 'reset') {
    assert.deepEqual([call.answeredBy, call.error?.code, call.reply], ['nobody', 'reset', undefined]);
    return;
  }
  const { reply } = call;
  assert.ok(reply !== undefined);
  assert.deepEqual(
    [call.status, reply.status, reply.body, reply.error?.code],
    [expected.status, expected.status, expected.body, expected.error],
  );
  assert.deepEqual(withoutDelays(reply.behaviour), withoutDelays(expected.done));
  assert.ok((reply.durationMs ?? 0) >= expected.leastMs - 1, `${reply.durationMs} ms`);
  if (scheme === 'grpc' && expected.grpcStatus !== undefined) assert.equal(call.grpcStatus, expected.grpcStatus);
}

/** Returns the result of a call from `a` to `b`, or, for `~hang`, to another `b` whose deadline is short. */
async function resultOf(mesh: TestMesh, scheme: string, path: string): Promise<CallResult> {
  const host = path.includes('hang') ? 'hanging' : 'b';
  const reply = await callHttp(mesh.httpPort('a'), `/@${scheme}:${host}${path}`);
  const [call] = reply.calls ?? [];
  assert.ok(call !== undefined, JSON.stringify(reply));
  return call;
}

suite('directives, alone and in pairs', { concurrency: 8 }, () => {
  let mesh: TestMesh;
  let hanging: TestMesh;
  before(async () => {
    const b = { name: 'b', pod: 'b-7d4b9', zone: 'eu-1a' };
    mesh = await startMesh(['a', b]);
    hanging = await startMesh([b], { deadlineMs: hangMs });
    // Its first job starts its threads.
    await callHttp(hanging.httpPort('b'), '/~cpu=1ms/x');
    const to = { host: 'hanging', toHost: '127.0.0.1' };
    mesh.dialler.add({ ...to, port: '8080', toPort: String(hanging.httpPort('b')) });
    mesh.dialler.add({ ...to, port: '9090', toPort: String(hanging.grpcPort('b')) });
  });
  after(() => Promise.all([mesh, hanging].map((each) => each[Symbol.asyncDispose]())));

  for (const scheme of ['http', 'grpc']) {
    for (const first of directives) {
      test(`~${first} has its effect alone and before each other directive, over ${scheme}`, async () => {
        for (const rest of [[], ...directives.map((second) => [second])]) {
          const path = [first, ...rest].map((directive) => `/~${directive}`).join('');
          const expected = expectedOf(parseDirectives(path), '/x', scheme);
          const call = await resultOf(mesh, scheme, `${path}/x`);
          try {
            assertAnswer(call, expected, scheme);
          } catch (error) {
            throw new Error(`${path}: ${JSON.stringify(call)}`, { cause: error });
          }
        }
      });
    }
  }
});

suite('directives', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['a', { name: 'b', pod: 'b-7d4b9', zone: 'eu-1a' }]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  test('directives are applied before the calls, and a fault prevents the calls', async () => {
    const slow = await callHttp(mesh.httpPort('a'), '/~delay=30ms/@b/x');
    assert.ok((slow.calls?.[0]?.startMs ?? 0) >= 29);
    const faulty = await callHttp(mesh.httpPort('a'), '/~status=418/@b/never');
    assert.deepEqual([faulty.status, faulty.calls], [418, undefined]);
    assert.ok(!mesh.arrivals.some(({ request }) => request.uri === '/never'));
    const own = await callHttp(mesh.httpPort('a'), '/~status=202/@b/x');
    assert.equal(own.status, 202);
    const failed = await callHttp(mesh.httpPort('a'), '/~status=202/@b/~status=500/x');
    assert.equal(failed.status, 502);
  });

  test('header directives add headers over HTTP and metadata over gRPC, also to an error', async () => {
    const { headers } = await sendHttp(mesh.httpPort('b'), '/~header[a=1]/~header[a=2]/~header[x-b=%5D]/~status=503/x');
    assert.deepEqual([headers.a, headers['x-b']], ['1, 2', ']']);
    for (const path of ['/~header[a=b]/x', '/~header[a=b]/~status=503/x']) {
      const { metadata } = await callGrpc(mesh.grpcPort('b'), { path });
      assert.deepEqual(metadata.get('a'), ['b'], path);
    }
  });

  test('trailer directives add metadata to the status of a gRPC call, also to an error and to any method', async () => {
    for (const [method, plan] of [
      ['/meshmock.v1.MeshMock/Call', ''],
      ['/shop.Basket/Get', ''],
      ['/shop.Basket/Get', '/~status=503'],
    ]) {
      const client = new Client(`127.0.0.1:${mesh.grpcPort('b')}`, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set('x-meshmock-plan', `/~trailer[x-sum=7]${plan}/x`);
      const path = Buffer.from(`/~trailer[x-sum=7]${plan}/x`);
      const request = method?.endsWith('Call')
        ? Buffer.concat([Buffer.from([0x12, path.length]), path])
        : Buffer.alloc(0);
      const same = (bytes: Buffer): Buffer => bytes;
      const call = client.makeUnaryRequest(method ?? '', same, same, request, metadata, () => {});
      const [ended] = (await once(call, 'status')) as [StatusObject];
      assert.deepEqual(ended.metadata.get('x-sum'), ['7']);
      client.close();
    }
  });

  test('cookies stay separate headers, and binary metadata stays binary', async () => {
    const { headers } = await sendHttp(mesh.httpPort('b'), '/~header[set-cookie=a=1]/~header[set-cookie=b=2]/x');
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
    const { metadata } = await callGrpc(mesh.grpcPort('b'), { path: '/~header[a-bin=AAEC]/x' });
    assert.deepEqual(metadata.get('a-bin'), [Buffer.from([0, 1, 2])]);
  });

  test('a reset over gRPC ends only its own call, not the others on the connection', async () => {
    const { calls } = await callHttp(mesh.httpPort('a'), '/@grpc:b*300;concurrency=50/~close:0.1/x');
    assert.deepEqual(calls?.[0]?.summary?.byStatus, { 200: 270, reset: 30 });
  });

  test('a gRPC caller gets the status of the directive, and UNAVAILABLE for a reset', async () => {
    const codeOf = async (path: string): Promise<number> => (await callGrpc(mesh.grpcPort('b'), { path })).code;
    for (const [code, name] of grpcStatusNames.entries()) {
      assert.equal(await codeOf(`/~grpc-status=${name}/x`), code, name);
    }
    assert.equal(await codeOf('/~status=503/x'), grpcStatusNames.indexOf('UNAVAILABLE'));
    assert.equal(await codeOf('/~close/x'), grpcStatusNames.indexOf('UNAVAILABLE'));
  });

  test('a reset over HTTP sends no byte of an answer', async () => {
    await assert.rejects(sendHttp(mesh.httpPort('b'), '/~close/x'), { code: 'ECONNRESET' });
  });

  test('a status without a body is an answer of the service', async () => {
    for (const status of [204, 205, 304]) {
      const call = await resultOf(mesh, 'http', `/~status=${status}/x`);
      assert.deepEqual([call.status, call.answeredBy, call.body], [status, 'service', undefined]);
      assert.equal((await resultOf(mesh, 'grpc', `/~status=${status}/x`)).status, status);
    }
  });

  test('health checks are answered while a directive burns CPU time', async () => {
    const { durationMs = 0 } = await callHttp(mesh.httpPort('b'), '/~cpu=200ms/x');
    assert.ok(durationMs >= 199, String(durationMs));
    const client = new AbortController();
    let isBurning = true;
    const burning = sendHttp(mesh.httpPort('b'), '/~cpu=5s/x', { signal: client.signal }).catch(() => {});
    void burning.then(() => {
      isBurning = false;
    });
    for (let index = 0; index < 10; index++)
      assert.equal((await sendHttp(mesh.httpPort('b'), '/-/healthy')).status, 200);
    assert.ok(isBurning, 'the health checks waited for the directive');
    client.abort();
    await burning;
  });

  test('a service stops to burn, hang or wait when its caller goes away', async () => {
    for (const path of ['/~cpu=5s/x?gone', '/~hang/x?gone', '/~delay=10s/x?gone']) {
      const gone = AbortSignal.timeout(400);
      await assert.rejects(sendHttp(mesh.httpPort('b'), path, { signal: gone }));
      const deadline = performance.now() + 4000;
      while (!mesh.arrivals.some(({ request }) => request.uri === path)) {
        assert.ok(performance.now() < deadline, path);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(mesh.arrivals.find(({ request }) => request.uri === path)?.status, 499);
    }
  });

  test('a service holds memory during the request, and frees it with the answer', async () => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const looking = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }, 20);
    await callHttp(mesh.httpPort('b'), '/~memory=100MB/~delay=300ms/x').finally(() => clearInterval(looking));
    assert.ok(most > 90_000_000, String(most));
    assert.ok(process.memoryUsage().arrayBuffers - before < 20_000_000);
  });

  test('a request that exceeds the memory of all requests is refused, and the others keep theirs', async () => {
    const paths = Array.from({ length: 4 }, () => callHttp(mesh.httpPort('b'), '/~memory=80MB/~delay=2s/x'));
    const replies = await Promise.all(paths);
    const statuses = replies.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 503, 503]);
    assert.equal(replies.find(({ status }) => status === 503)?.error?.code, 'overloaded');
  });

  const tooMuch: [path: string, offset: number][] = [
    ['/~delay=20s/x', 8],
    ['/@b/~delay=1s-16s/x', 11],
    ['/@b/~delay=p50=1s,p99=16s/x', 11],
    ['/~delay=1ms/~cpu=6s/x', 17],
    ['/~size=11MB/x', 7],
    ['/@b(/~memory=1GB/x)', 13],
    ['/~delay=1us/@b|a(/~delay=1m/x)', 25],
  ];
  for (const [path, offset] of tooMuch) {
    test(`the plan ${path} is refused at offset ${offset}, and no call is made`, async () => {
      const count = mesh.arrivals.length;
      const { status, error, calls } = await callHttp(mesh.httpPort('a'), path);
      assert.deepEqual([status, error?.code, error?.offset, calls], [400, 'limit_exceeded', offset, undefined]);
      assert.equal(mesh.arrivals.length, count + 1);
    });
  }
});

/** Each kind of condition. `holds` is for pod b-7d4b9 of version v1 in zone eu-1a, at the first attempt. */
const conditions: [condition: string, holds: boolean][] = [
  ['attempt<3', true],
  ['attempt=1', true],
  ['attempt=2', false],
  ['version=v1', true],
  ['version=v2', false],
  ['pod=b-7', true],
  ['pod=c', false],
  ['zone=eu-1a', true],
  ['zone=eu-1', false],
];

suite('conditions', () => {
  let mesh: TestMesh;
  before(async () => {
    // A busy machine needs longer than the usual deadline for a thousand calls.
    mesh = await startMesh(['a', { name: 'b', pod: 'b-7d4b9', zone: 'eu-1a' }], { deadlineMs: 120_000 });
  });
  after(() => mesh[Symbol.asyncDispose]());

  async function statusesOf(scheme: string, path: string, times: number): Promise<Record<string, number>> {
    const { calls } = await callHttp(mesh.httpPort('a'), `/@${scheme}:b*${times};concurrency=8${path}`);
    return calls?.[0]?.summary?.byStatus ?? {};
  }

  for (const scheme of ['http', 'grpc']) {
    for (const [first, holds] of conditions) {
      test(`the condition :${first} ${holds ? 'holds' : 'does not hold'}, alone and with each other one, over ${scheme}`, async () => {
        for (const [second, alsoHolds] of [['', true] as const, ...conditions]) {
          const path = `/~status=503:${first}${second === '' ? '' : `:${second}`}/x`;
          const { calls } = await callHttp(mesh.httpPort('a'), `/@${scheme}:b${path}`);
          assert.equal(calls?.[0]?.status, holds && alsoHolds ? 503 : 200, path);
        }
      });
    }

    test(`shares are exact, and count only requests for which other conditions hold, over ${scheme}`, async () => {
      const rows: [condition: string, hits: number][] = [
        ['0.3', 12],
        ['1in4', 10],
        ['3in4', 30],
        ['1', 40],
        ['0.5:1in2', 10],
        ['1in4:0.3', 3],
        ...conditions.map(([condition, holds]): [string, number] => [`0.3:${condition}`, holds ? 12 : 0]),
        ...conditions.map(([condition, holds]): [string, number] => [`${condition}:1in4`, holds ? 10 : 0]),
      ];
      for (const [condition, hits] of rows) {
        const byStatus = await statusesOf(scheme, `/~status=503:${condition}/${scheme}`, 40);
        assert.deepEqual([byStatus['503'] ?? 0, byStatus['200'] ?? 0], [hits, 40 - hits], condition);
      }
    });

    test(`of 1,000 requests, 64 in parallel, 0.3 hits 300 and 1in3 hits 333, plus or minus one, over ${scheme}`, async () => {
      for (const [share, hits] of [
        ['0.3', 300],
        ['1in3', 333],
      ] as const) {
        const { calls } = await callHttp(
          mesh.httpPort('a'),
          `/@${scheme}:b*1000;concurrency=64/~status=503:${share}/many-${scheme}`,
        );
        const count = calls?.[0]?.summary?.byStatus?.['503'] ?? 0;
        assert.ok(Math.abs(count - hits) <= 1, `${share}: ${count}`);
      }
    });
  }

  test('a condition counts the attempts of a proxy', async () => {
    const path = '/~status=503:attempt<3/x';
    const statusAt = async (attempt: number): Promise<Reply> =>
      callHttp(mesh.httpPort('b'), path, { 'x-envoy-attempt-count': String(attempt) });
    assert.deepEqual([(await statusAt(2)).status, (await statusAt(3)).status], [503, 200]);
    assert.equal((await statusAt(3)).mesh?.attempt, 3);
  });
});

suite('the behaviour of a service', () => {
  test('applies to every request, before the directives of the request, over both protocols', async () => {
    await using mesh = await startMesh([
      'a',
      { name: 'b', behaviour: parseDirectives('/~header[own=1]/~status=503:1in2:version=v1') },
    ]);
    for (const scheme of ['http', 'grpc']) {
      const { calls } = await callHttp(mesh.httpPort('a'), `/@${scheme}:b*10/~body=text/x`);
      assert.deepEqual(calls?.[0]?.summary?.byStatus, { 200: 5, 503: 5 });
    }
    assert.equal((await sendHttp(mesh.httpPort('b'), '/-/healthy')).status, 200);
  });

  test('makes the same choices with the same seed, and other choices with another seed', async () => {
    const statuses = async (seed: string): Promise<number[]> => {
      await using mesh = await startMesh([{ name: 'b', seed, behaviour: parseDirectives('/~status=503:0.4') }]);
      const found: number[] = [];
      for (let index = 0; index < 40; index++) found.push((await callHttp(mesh.httpPort('b'), '/x')).status);
      return found;
    };
    assert.deepEqual(await statuses('one'), await statuses('one'));
    assert.notDeepEqual(await statuses('one'), await statuses('two'));
  });
});
