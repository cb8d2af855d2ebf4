/** Tests of blocked targets. They need the network of `set-up.sh`: `targets.test.ts` runs them. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { CallResult } from '../../../src/reply/reply.ts';
import { type NameServer, records, startNameServer } from '../../dial/name-server.ts';
import { type ServedProgram, startServe } from '../../program.ts';
import { callGrpc, callHttp, sendHttp, startForeignServer } from '../../running-mesh.ts';
import { assertOwnNetwork, type MetadataServices, secret, startMetadataServices } from './network.ts';

const schemes = ['http', 'grpc'] as const;
const ports = { http: 80, grpc: 9090 } as const;

/** Notations of addresses that stay blocked, as a target has them. */
const notations = [
  ...['169.254.169.254', '169.254.169.254.', '0xA9FEA9FE', '0xa9fea9fe.', '0xa9.0xfe.0xa9.0xfe', '169.254.43518'],
  ...['169.16689662', '0251.0376.0251.0376', '0251.254.0xa9fe', '00000251.0376.0251.0376', '2852039166.'],
  ...['[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', '[0:0:0:0:0:FFFF:A9FE:A9FE]', '[::169.254.169.254]'],
  ...['[64:ff9b::169.254.169.254]', '[64:ff9b::a9fe:a9fe]', '[2002:a9fe:a9fe::1]'],
  ...['[fd00:ec2::254]', '[fd00:0ec2:0:0:0:0:0:254]', '[FD00:EC2::0254]', '[fd00:ec2::23]', '[fd20:ce::254]'],
  ...['169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192', '[fe80::a9fe:a9fe]'],
];

/** Names, and the addresses that the name server gives to them. Those of `rebound` change with each question. */
const names = new Map<string, readonly string[]>([
  ['metadata.dns.test', ['169.254.169.254']],
  ['six.dns.test', ['fd00:ec2::254']],
  ['mapped.dns.test', ['::ffff:169.254.169.254']],
  ['several.dns.test', ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200']],
]);

suite('a mock with the default settings', () => {
  let services: MetadataServices;
  let nameServer: NameServer;
  let mock: ServedProgram;
  let answers = 0;
  before(async () => {
    assertOwnNetwork();
    services = await startMetadataServices();
    nameServer = await startNameServer(
      (question) => {
        const { name } = question;
        if (name === 'alias.dns.test') {
          const target = 'metadata.dns.test';
          const alias = { type: 'CNAME', name, ttl: 0, data: target } as const;
          return [alias, ...records({ ...question, name: target }, ['169.254.169.254'])];
        }
        if (name === 'rebound.dns.test' && question.type === 'A')
          return records(question, [answers++ % 2 === 0 ? '127.0.0.1' : '169.254.169.254']);
        return records(question, names.get(name) ?? []);
      },
      { address: '127.0.0.53', port: 53 },
    );
    mock = await startServe('mock');
  });
  after(async () => {
    await mock[Symbol.asyncDispose]();
    await nameServer[Symbol.asyncDispose]();
    await services[Symbol.asyncDispose]();
  });

  /** Makes a call through a mock that is asked over the protocol of the call. */
  async function callOf(target: string, scheme: 'http' | 'grpc', by = mock): Promise<CallResult> {
    const path = `/@${scheme}:${target};timeout=2s/latest/meta-data/`;
    const reply = scheme === 'http' ? await callHttp(by.httpPort, path) : (await callGrpc(by.grpcPort, { path })).reply;
    const [call] = reply?.calls ?? [];
    assert.ok(call !== undefined, JSON.stringify(reply));
    return call;
  }

  function assertBlocked(call: CallResult): void {
    assert.equal(call.error?.code, 'blocked', JSON.stringify(call));
    assert.match(call.error.message, / is blocked \(.+; --allow-target \S+ allows it\)$/);
    assert.deepEqual(services.connections, []);
  }

  for (const scheme of schemes) {
    for (const notation of notations)
      test(`does not dial ${notation} over ${scheme}`, async () => {
        assertBlocked(await callOf(`${notation}:${ports[scheme]}`, scheme));
      });

    for (const name of [...names.keys(), 'alias.dns.test', 'innocent.hosts.test', 'INNOCENT.hosts.test.'])
      test(`does not dial the addresses of ${name} over ${scheme}`, async () => {
        assertBlocked(await callOf(`${name}:${ports[scheme]}`, scheme));
      });

    test(`never dials the second address of a name that has another one at each lookup, over ${scheme}`, async () => {
      const codes = new Set<string>();
      for (let index = 0; index < 20; index++) {
        // The port is another one each time, so no connection and no channel is kept.
        const { error } = await callOf(`rebound.dns.test:${20_000 + index}`, scheme);
        codes.add(error?.code ?? '');
      }
      assert.deepEqual([...codes].toSorted(), ['blocked', 'refused']);
      assert.deepEqual(services.connections, []);
    });
  }

  test('shows the token request of AWS as blocked, with its method and headers', async () => {
    const token = ';method=PUT[x-aws-ec2-metadata-token-ttl-seconds=60][host=169.254.169.254]';
    const [call] = (await callHttp(mock.httpPort, `/@169.254.169.254:80${token}/latest/api/token`)).calls ?? [];
    assert.ok(call);
    assertBlocked(call);
  });

  test('shows a redirect to the metadata service, and does not follow it', async () => {
    const location = 'http://169.254.169.254/latest/meta-data/';
    await using foreign = await startForeignServer((_request, response) => response.writeHead(307, { location }).end());
    const call = await callOf(`127.0.0.1:${foreign.port}`, 'http');
    assert.equal(call.status, 307);
    assert.equal(call.headers?.location, location);
    assert.deepEqual(services.connections, []);
  });

  test('does not connect to multicast and broadcast addresses: the kernel refuses', async () => {
    for (const target of ['224.0.0.1', '239.1.1.1', '255.255.255.255', '[ff02::1]'])
      for (const scheme of schemes) assert.equal((await callOf(target, scheme)).error?.code, 'unreachable', target);
  });

  test('does not dial an upstream that is a name with a blocked address', async () => {
    await using proxy = await startServe('proxy', ['--upstream', 'http://metadata.dns.test/']);
    const { status, body } = await sendHttp(proxy.httpPort, '/latest/meta-data/');
    assert.equal(status, 502);
    assert.match(body, /^Error: metadata\.dns\.test \(169\.254\.169\.254\) is blocked/);
    assert.deepEqual(services.connections, []);
  });

  test('does not dial a name that --connect-to gives, if it has a blocked address', async () => {
    await using other = await startServe('other', ['--connect-to', 'a::metadata.dns.test:80']);
    assertBlocked(await callOf('a', 'http', other));
  });

  test('reaches loopback in each notation', async () => {
    for (const host of ['127.0.0.1', '127.1', '0x7f.1', '0.0.0.0', '[::ffff:127.0.0.1]', 'localhost', 'a.localhost']) {
      const call = await callOf(`${host}:${mock.httpPort}`, 'http');
      assert.equal(call.status, 200, JSON.stringify(call));
    }
    const call = await callOf('[::1]:80', 'http');
    assert.equal(call.body, secret);
  });
});

/** These tests come last: they reach the services, which proves that these answer. */
suite('a mock that the operator opens', () => {
  let services: MetadataServices;
  before(async () => {
    assertOwnNetwork();
    services = await startMetadataServices();
  });
  after(() => services[Symbol.asyncDispose]());

  for (const [args, targets] of [
    [
      ['--allow-target', '169.254.169.254', '--allow-target', 'fd00:ec2::/32'],
      ['169.254.169.254', '0xA9FEA9FE', 'innocent.hosts.test', '[::ffff:169.254.169.254]', '[fd00:ec2::254]'],
    ],
    [['--connect-to', 'meta::169.254.169.254:80'], ['meta']],
  ] as const)
    test(`with ${args.join(' ')} reaches the service`, async () => {
      await using mock = await startServe('mock', args);
      for (const target of targets) {
        const [call] = (await callHttp(mock.httpPort, `/@${target}:80/x`)).calls ?? [];
        assert.equal(call?.body, secret, JSON.stringify(call));
      }
      const [other] = (await callHttp(mock.httpPort, '/@169.254.170.2:80/x')).calls ?? [];
      assert.equal(other?.error?.code, 'blocked');
    });

  test('with --allow-target reaches the service over gRPC', async () => {
    await using mock = await startServe('mock', ['--allow-target', '169.254.0.0/16']);
    const { reply } = await callGrpc(mock.grpcPort, { path: '/@grpc:169.254.43518|grpc:innocent.hosts.test/x' });
    for (const call of reply?.calls ?? []) assert.equal(call.body, secret, JSON.stringify(call));
    assert.equal(reply?.calls?.length, 2);
  });

  test('with the address as --upstream reaches the service', async () => {
    await using proxy = await startServe('proxy', ['--upstream', 'http://169.254.169.254']);
    assert.match((await sendHttp(proxy.httpPort, '/x')).body, new RegExp(secret));
  });

  test('with --allow-target of all addresses stays closed', async () => {
    await using mock = await startServe('mock', [], { MESHMOCK_ALLOW_TARGET: '0.0.0.0/0 ::/0 *' });
    const calls = (await callHttp(mock.httpPort, '/@169.254.169.254:80|[fd00:ec2::254]:80|innocent.hosts.test:80/x'))
      .calls;
    assert.deepEqual(
      calls?.map(({ error }) => error?.code),
      ['blocked', 'blocked', 'blocked'],
    );
  });

  test('with --deny-target refuses the mesh too', async () => {
    await using mock = await startServe('mock', ['--deny-target', '127.0.0.0/8', '--deny-target', '*.localhost']);
    const hosts = ['127.0.0.1', '0.0.0.0', '127.1', 'localhost', 'a.localhost', '[::ffff:127.0.0.1]'];
    const path = `/@${hosts.map((host) => `${host}:${mock.httpPort}`).join('|')}/x`;
    for (const { target, error } of (await callHttp(mock.httpPort, path)).calls ?? [])
      assert.equal(error?.code, 'blocked', target);
  });

  test('a meshmock call of the user dials what the user names', async () => {
    const { runProgram } = await import('../../program.ts');
    const { stdout } = await runProgram(['call', 'http://169.254.169.254/x', '--json']);
    assert.match(stdout, new RegExp(secret));
  });
});
