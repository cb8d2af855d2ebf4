import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { DnsSource } from '../../src/dial/names/dns-source.ts';
import { parseResolvConf } from '../../src/dial/names/resolv-conf.ts';
import { TargetResolver } from '../../src/dial/target-resolver.ts';
import { parseTargetPattern } from '../../src/dial/targets/target-pattern.ts';
import { TargetRules } from '../../src/dial/targets/target-rules.ts';
import type { CallResult } from '../../src/reply/reply.ts';
import { callGrpc, callHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';
import { type NameServer, records, startNameServer } from './name-server.ts';

/** Addresses of the names of the test. A name that is missing is unknown, and `silent…` gets no answer. */
const names = new Map<string, readonly string[]>();

/** Waits until a condition holds, for ten seconds at most. */
async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < end, 'the condition does not hold in time');
    await sleep(5);
  }
}

suite('calls to names', () => {
  let server: NameServer;
  let mesh: TestMesh;
  before(async () => {
    server = await startNameServer((question) => {
      if (question.name.startsWith('silent')) return 'silence';
      const addresses = names.get(question.name);
      return addresses === undefined ? 'unknown' : records(question, addresses);
    });
    const settings = parseResolvConf('');
    const source = new DnsSource({ settings: () => settings, servers: [server.address] });
    const rules = new TargetRules({ allow: [], deny: ['10.0.0.0/8', '*.denied.test'].map(parseTargetPattern) });
    mesh = await startMesh(['gateway', 'callee'], {}, [], {}, new TargetResolver(source, rules));
    for (let index = 0; index < 10; index++) names.set(`good${index}.test`, ['127.0.0.1']);
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const schemes = ['http', 'grpc'] as const;
  const portOf = (scheme: (typeof schemes)[number]): number =>
    scheme === 'http' ? mesh.httpPort('callee') : mesh.grpcPort('callee');

  async function callsOf(path: string): Promise<readonly CallResult[]> {
    return (await callHttp(mesh.httpPort('gateway'), path)).calls ?? [];
  }

  /** Returns the median duration of ten successful calls. */
  async function medianMs(scheme: (typeof schemes)[number], hostOf: (index: number) => string): Promise<number> {
    const durations: number[] = [];
    for (let index = 0; index < 10; index++) {
      const [call] = await callsOf(`/@${scheme}:${hostOf(index)}:${portOf(scheme)}/x`);
      assert.equal(call?.status, 200, JSON.stringify(call));
      durations.push(call?.durationMs ?? Number.NaN);
    }
    return durations.toSorted((a, b) => a - b)[5] ?? Number.NaN;
  }

  for (const scheme of schemes) {
    test(`100 names without an answer do not stop other names, over ${scheme}`, async () => {
      const silent = Array.from({ length: 100 }, (_, index) => `${scheme}:silent-${scheme}${index}.test;timeout=4s`);
      const attack = callsOf(`/@${silent.join('|')}/x`);
      await server.asked([`silent-${scheme}99.test`]);
      // Half of the time for which the silent names wait. `npm run test:targets` measures it more closely.
      const byName = await medianMs(scheme, (index) => `good${index}.test`);
      const byAddress = await medianMs(scheme, () => '127.0.0.1');
      assert.ok(byName - byAddress < 2000, `${byName} ms by name, ${byAddress} ms by address`);
      for (const { error } of await attack) {
        assert.equal(error?.code, 'dns');
        assert.match(error?.message ?? '', /^silent-\w+\.test: not resolved within [1-9]\d{3} ms/);
      }
    });

    test(`an unknown name says how long the lookup took, over ${scheme}`, async () => {
      const [call] = await callsOf(`/@${scheme}:Nobody.test/x`);
      assert.equal(call?.error?.code, 'dns');
      assert.match(call?.error?.message ?? '', /^nobody\.test: unknown name, after \d+ ms/);
    });

    test(`the deadline of a request ends a lookup as an error of the name, over ${scheme}`, async () => {
      const headers = { 'x-meshmock-deadline-ms': '300' };
      const reply = await callHttp(mesh.httpPort('gateway'), `/@${scheme}:silent.test/x`, headers);
      assert.equal(reply.status, 502);
      assert.equal(reply.calls?.[0]?.error?.code, 'dns');
    });

    test(`a name with a denied address is blocked, and one of its addresses that is allowed is dialled, over ${scheme}`, async () => {
      names.set('mixed.test', ['10.1.1.1', '127.0.0.1', '169.254.169.254']);
      names.set('bad.test', ['169.254.169.254', '10.1.1.1', '::ffff:169.254.169.254']);
      const [mixed, bad, denied] = await callsOf(
        `/@${scheme}:mixed.test:${portOf(scheme)}|${scheme}:bad.test|${scheme}:x.denied.test/x`,
      );
      assert.equal(mixed?.status, 200, JSON.stringify(mixed));
      assert.equal(bad?.error?.code, 'blocked');
      assert.match(bad?.error?.message ?? '', /^bad\.test \([^)]+\) is blocked \(/);
      assert.equal(denied?.error?.code, 'blocked');
      assert.match(denied?.error?.message ?? '', /^x\.denied\.test is blocked \(--deny-target \*\.denied\.test; /);
      assert.ok(!server.questions.some(({ name }) => name === 'x.denied.test'), 'a denied name is not looked up');
    });

    test(`a host that ends with a number and is not an address has no address, over ${scheme}`, async () => {
      const [call] = await callsOf(`/@${scheme}:1.2.3.4.5/x`);
      assert.equal(call?.error?.code, 'dns');
      assert.match(call?.error?.message ?? '', /^1\.2\.3\.4\.5 is neither a name nor an address/);
    });

    test(`every address of a name is tried, over ${scheme}`, async () => {
      names.set('two.test', ['127.0.0.77', '127.0.0.1']);
      for (let index = 0; index < 5; index++) {
        const [call] = await callsOf(`/@${scheme}:two.test:${portOf(scheme)}/x`);
        assert.equal(call?.status, 200, JSON.stringify(call));
      }
    });

    test(`TLS verifies the name, not its address, over ${scheme}s`, async () => {
      names.set('tls.test', ['127.0.0.1']);
      const asked: string[] = [];
      const secure = tls.createServer({
        SNICallback(name, callback) {
          asked.push(name);
          callback(new Error('no certificate'));
        },
      });
      secure.on('tlsClientError', () => {});
      secure.listen(0, '127.0.0.1');
      await once(secure, 'listening');
      try {
        const { port } = secure.address() as AddressInfo;
        await callsOf(`/@${scheme}s:tls.test:${port}/x`);
        assert.deepEqual(asked, ['tls.test']);
        // An address is not asked for (RFC 6066 section 3).
        const [call] = await callsOf(`/@${scheme}s:127.0.0.1:${port}/x`);
        assert.doesNotMatch(call?.error?.message ?? '', /servername/i);
        assert.deepEqual(asked, ['tls.test']);
      } finally {
        secure.close();
      }
    });

    test(`a call that is canceled during the lookup of its name ends at once, over ${scheme}`, async () => {
      const name = `silent-canceled-${scheme}.test`;
      const stop = new AbortController();
      const request = fetch(`http://127.0.0.1:${mesh.httpPort('gateway')}/@${scheme}:${name}/x`, {
        signal: stop.signal,
      });
      await server.asked([name]);
      stop.abort();
      await assert.rejects(request);
      await until(() => mesh.arrivals.some(({ request: { uri } }) => uri.includes(name)));
    });
  }

  test('a redirect is shown, not followed', async () => {
    await using foreign = await startForeignServer((_request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
    );
    const [call] = await callsOf(`/@127.0.0.1:${foreign.port}/x`);
    assert.equal(call?.status, 302);
    assert.equal(call?.headers?.location, 'http://169.254.169.254/latest/meta-data/');
    assert.equal(foreign.requests.length, 1);
  });

  test('a kept gRPC channel finds the new address of its name after its connection ends', async () => {
    const port = mesh.grpcPort('callee');
    // A relay is the old pod, so that it can end while the callee lives on.
    const sockets = new Set<net.Socket>();
    const relay = net.createServer((socket) => {
      const upstream = net.connect(port, '127.0.0.1');
      sockets.add(socket);
      socket.pipe(upstream).pipe(socket);
      socket.once('close', () => upstream.destroy());
      for (const each of [socket, upstream]) each.on('error', () => {});
    });
    relay.listen(port, '127.0.0.78');
    await once(relay, 'listening');
    names.set('headless.test', ['127.0.0.78']);
    const call = async (): Promise<CallResult | undefined> => (await callsOf(`/@grpc:headless.test:${port}/x`))[0];
    assert.equal((await call())?.status, 200);
    assert.equal(sockets.size, 1);
    names.set('headless.test', ['127.0.0.1']);
    relay.close();
    for (const socket of sockets) socket.destroy();
    await once(relay, 'close');
    const until = performance.now() + 5000;
    let last = await call();
    while (last?.status !== 200 && performance.now() < until) last = await call();
    assert.equal(last?.status, 200, JSON.stringify(last));
    assert.equal(sockets.size, 1);
  });

  test('a gRPC server is reached by name through a mock that was asked over gRPC', async () => {
    const { reply } = await callGrpc(mesh.grpcPort('gateway'), {
      path: `/@grpc:good0.test:${portOf('grpc')}|grpc:169.254.43518/x`,
    });
    assert.deepEqual(
      reply?.calls?.map(({ status, error }) => status ?? error?.code),
      [200, 'blocked'],
    );
  });
});
