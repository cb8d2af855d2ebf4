import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { DnsSource } from '../../src/dial/names/dns-source.ts';
import { parseHosts } from '../../src/dial/names/hosts-file.ts';
import { NameError } from '../../src/dial/names/name-source.ts';
import { parseResolvConf, type ResolverSettings, searchedNames } from '../../src/dial/names/resolv-conf.ts';
import { type NameServer, records, startNameServer } from './name-server.ts';

const never = new AbortController().signal;

suite('resolv.conf', () => {
  test('has the defaults of glibc if it is empty', () => {
    assert.deepEqual(parseResolvConf(''), {
      search: [],
      ndots: 1,
      timeoutMs: 5000,
      attempts: 2,
      isIpv4Only: false,
    });
  });

  test('of a pod is read whole', () => {
    const text =
      'search mock.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n';
    const { search, ndots, timeoutMs } = parseResolvConf(text);
    assert.deepEqual(
      { search, ndots, timeoutMs },
      {
        search: ['mock.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
        ndots: 5,
        timeoutMs: 1000,
      },
    );
  });

  test('has limits, comments, and the last of several search lists', () => {
    const text = [
      '# nameserver 192.0.2.1',
      'nameserver fd00::1 ; comment',
      'domain first.test',
      'search Second.Test. .',
      'options ndots:99 attempts:0 timeout:600 rotate no-aaaa',
    ].join('\n');
    assert.deepEqual(parseResolvConf(text), {
      search: ['second.test', ''],
      ndots: 15,
      timeoutMs: 30_000,
      attempts: 1,
      isIpv4Only: true,
    });
  });

  test('decides the order of the names that are asked for', () => {
    const settings = parseResolvConf('search a.test b.test\noptions ndots:2');
    assert.deepEqual(searchedNames('x', settings), ['x.a.test', 'x.b.test', 'x']);
    assert.deepEqual(searchedNames('x.y', settings), ['x.y.a.test', 'x.y.b.test', 'x.y']);
    assert.deepEqual(searchedNames('x.y.z', settings), ['x.y.z', 'x.y.z.a.test', 'x.y.z.b.test']);
    assert.deepEqual(searchedNames('x.y.', settings), ['x.y']);
    assert.deepEqual(searchedNames('x', parseResolvConf('search .')), ['x']);
  });
});

test('a hosts file gives a name the addresses of all its lines', () => {
  const table = parseHosts(
    '127.0.0.1\tlocalhost\n::1 localhost ip6-localhost # comment\n# 10.0.0.9 a\n10.0.0.1 A a.test.\n10.0.0.1 a\nbad a\n',
  );
  assert.deepEqual(Object.fromEntries(table), {
    localhost: ['127.0.0.1', '::1'],
    'ip6-localhost': ['::1'],
    a: ['10.0.0.1'],
    'a.test': ['10.0.0.1'],
  });
});

suite('lookups of names', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-names-'));
  const hostsPath = path.join(folder, 'hosts');
  writeFileSync(hostsPath, '10.0.0.9 known Known.Test\n');
  after(() => rmSync(folder, { recursive: true }));

  function sourceOf(server: NameServer, changes: Partial<ResolverSettings> = {}): DnsSource {
    const settings = { ...parseResolvConf('search a.test b.test'), ...changes };
    return new DnsSource({ hostsPath, settings: () => settings, servers: [server.address] });
  }

  const addressesOf = async (source: DnsSource, name: string): Promise<readonly string[]> =>
    (await source.lookup(name, never)).addresses.map(({ address }) => address).toSorted();

  test('a name has the addresses of both families, and the shortest time to live, less the second that has begun', async () => {
    await using server = await startNameServer((question) =>
      records(question, ['10.0.0.1', '10.0.0.2', 'fd00::1'], question.type === 'A' ? 7 : 3),
    );
    const found = await sourceOf(server).lookup('reviews', never);
    assert.equal(found.name, 'reviews.a.test');
    assert.equal(found.ttlMs, 2000);
    assert.deepEqual(found.addresses.map(({ address, family }) => `${family} ${address}`).toSorted(), [
      '4 10.0.0.1',
      '4 10.0.0.2',
      '6 fd00::1',
    ]);
  });

  test('an alias is followed', async () => {
    await using server = await startNameServer(({ name, type }) => [
      { type: 'CNAME', name, ttl: 5, data: 'other.test' },
      ...records({ name: 'other.test', type }, ['10.0.0.3']),
    ]);
    assert.deepEqual(await addressesOf(sourceOf(server), 'alias.'), ['10.0.0.3']);
  });

  test('the search list ends at the first name that exists', async () => {
    await using server = await startNameServer((question) =>
      question.name === 'x.b.test' ? records(question, ['10.0.0.4']) : 'unknown',
    );
    assert.equal((await sourceOf(server).lookup('x', never)).name, 'x.b.test');
    assert.deepEqual([...new Set(server.questions.map(({ name }) => name))], ['x.a.test', 'x.b.test']);
  });

  test('the hosts file and localhost are not asked for, and a change of the file counts', async () => {
    await using server = await startNameServer(() => 'unknown');
    const source = sourceOf(server);
    assert.deepEqual(await addressesOf(source, 'known.test'), ['10.0.0.9']);
    assert.deepEqual(await addressesOf(source, 'known.'), ['10.0.0.9']);
    assert.deepEqual(await addressesOf(source, 'a.localhost'), ['127.0.0.1', '::1']);
    writeFileSync(hostsPath, '10.0.0.9 known known.test\n10.0.0.10 later\n');
    assert.deepEqual(await addressesOf(source, 'later'), ['10.0.0.10']);
    assert.deepEqual(server.questions, []);
  });

  test('an unknown name says what was asked for, and a failing server that it fails', async () => {
    await using server = await startNameServer(({ name }) => (name.startsWith('sick') ? 'failure' : 'unknown'));
    const source = sourceOf(server);
    await assert.rejects(source.lookup('x', never), { message: 'unknown name', asked: ['x.a.test', 'x.b.test', 'x'] });
    await assert.rejects(source.lookup('x.y.', never), { message: 'unknown name', asked: [] });
    await assert.rejects(source.lookup('sick', never), { message: 'the name server fails (SERVFAIL)' });
  });

  test('a silent server ends the lookup after its attempts, without the rest of the search list', async () => {
    await using server = await startNameServer(() => 'silence');
    const source = sourceOf(server, { timeoutMs: 300, attempts: 2 });
    const startedAt = performance.now();
    await assert.rejects(source.lookup('x', never), NameError);
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs > 400 && tookMs < 10_000, `${tookMs} ms`);
    assert.deepEqual([...new Set(server.questions.map(({ name }) => name))], ['x.a.test']);
    assert.equal(server.questions.length, 4, 'two families, two attempts');
  });

  test('a server that does not answer for IPv6 delays a name only shortly', async () => {
    await using server = await startNameServer((question) =>
      question.type === 'AAAA' ? 'silence' : records(question, ['10.0.0.5']),
    );
    const startedAt = performance.now();
    assert.deepEqual(await addressesOf(sourceOf(server), 'x'), ['10.0.0.5']);
    // Two attempts of 5 s would be its timeout.
    assert.ok(performance.now() - startedAt < 4500);
    assert.deepEqual(await addressesOf(sourceOf(server, { isIpv4Only: true }), 'y.'), ['10.0.0.5']);
    assert.deepEqual(
      server.questions.filter(({ name }) => name === 'y').map(({ type }) => type),
      ['A'],
    );
  });

  test('a slow answer arrives, although other answers are fast', async () => {
    await using server = await startNameServer((question) => records(question, ['10.0.0.6']));
    const source = sourceOf(server);
    for (let index = 0; index < 20; index++) await source.lookup(`fast${index}`, never);
    const asked = Promise.withResolvers<void>();
    await using slow = await startNameServer(() => {
      asked.resolve();
      return 'silence';
    });
    const stop = new AbortController();
    const lookup = sourceOf(slow).lookup('slow', stop.signal);
    await asked.promise;
    const outcome = await Promise.race([
      lookup.then(String, (error: Error) => error.message),
      new Promise((resolve) => setTimeout(resolve, 2500, 'waits')),
    ]);
    assert.equal(outcome, 'waits', 'timeout:5 of resolv.conf counts');
    stop.abort(new Error('stopped'));
    await assert.rejects(lookup, { message: 'stopped' });
  });

  test('addresses are handed out in random order within their family', () => {
    const source = new DnsSource({ hostsPath });
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, family: 4 }));
    const firsts = Array.from({ length: 200 }, () => source.arrange(addresses)[0]?.address);
    assert.equal(new Set(firsts).size, 3);
    const both = [{ address: 'fd00::1', family: 6 }, ...addresses, { address: 'fd00::2', family: 6 }];
    const families = source.arrange(both).map(({ family }) => family);
    assert.ok(['44466', '66444'].includes(families.join('')), families.join(''));
  });
});
