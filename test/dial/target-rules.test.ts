import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { addressViews } from '../../src/dial/targets/address-views.ts';
import { builtInRanges } from '../../src/dial/targets/built-in-rules.ts';
import { numericAddress } from '../../src/dial/targets/numeric-address.ts';
import { parseTargetPattern } from '../../src/dial/targets/target-pattern.ts';
import { allowAllTargets, TargetRules } from '../../src/dial/targets/target-rules.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';

function rulesOf({ allow = [], deny = [] }: { allow?: readonly string[]; deny?: readonly string[] }): TargetRules {
  return new TargetRules({ allow: allow.map(parseTargetPattern), deny: deny.map(parseTargetPattern) });
}

const metadata = '169.254.169.254';

suite('the addresses in an address', () => {
  for (const [form, address] of [
    ['IPv4', metadata],
    ['IPv4-mapped, dotted', '::ffff:169.254.169.254'],
    ['IPv4-mapped, hexadecimal', '::ffff:a9fe:a9fe'],
    ['IPv4-mapped, in full', '0:0:0:0:0:FFFF:A9FE:A9FE'],
    ['IPv4-compatible', '::169.254.169.254'],
    ['IPv4-translated', '::ffff:0:169.254.169.254'],
    ['NAT64', '64:ff9b::169.254.169.254'],
    ['NAT64 with the local prefix, after 96 bits', '64:ff9b:1:0:0:0:a9fe:a9fe'],
    ['NAT64 with the local prefix, after 48 bits', '64:ff9b:1:a9fe:a9:fe00::'],
    ['6to4', '2002:a9fe:a9fe::1'],
    ['Teredo, client', '2001:0:1:2:3:4:5601:5601'],
    ['Teredo, server', '2001:0:a9fe:a9fe:3:4:5:6'],
    ['ISATAP', '2001:db8::5efe:a9fe:a9fe'],
    ['ISATAP with a global identifier', '2001:db8::200:5efe:a9fe:a9fe'],
    ['IPv4-mapped, with a zone', '::ffff:169.254.169.254%eth0'],
  ] as const) {
    test(`${form}: ${address} contains the address of the metadata service`, () => {
      assert.ok(addressViews(address).includes(metadata), addressViews(address).join(' '));
      assert.match(rulesOf({}).refuseAddress(address, []) ?? '', /169\.254\.0\.0\/16, link-local/);
    });
  }

  test('an address that contains no other one is alone', () => {
    for (const address of ['10.0.0.1', '::1', 'fd00::1', '2001:db8::a9fe:a9fe', '2003:a9fe:a9fe::1'])
      assert.deepEqual(addressViews(address), [address]);
  });

  test('the unspecified address is also the loopback address', () => {
    assert.deepEqual(addressViews('0.0.0.0'), ['0.0.0.0', '127.0.0.1']);
    assert.deepEqual(addressViews('::'), ['::', '::1']);
    assert.deepEqual(addressViews('::ffff:0.0.0.0'), ['0.0.0.0', '127.0.0.1']);
  });
});

test('a host of numbers is an IPv4 address in another notation', () => {
  for (const host of [
    '169.254.169.254',
    '169.254.169.254.',
    '0xA9FEA9FE',
    '0xa9.0xfe.0xa9.0xfe',
    '0251.0376.0251.0376',
    '0251.254.0xa9fe',
    '169.254.43518',
    '169.16689662',
    '2852039166',
    '2852039166.',
  ])
    assert.equal(numericAddress(host), metadata, host);
  for (const host of ['reviews', 'v1.example.com', '1.example', 'a1', '0xyz', '169.254.169.254.nip.io'])
    assert.equal(numericAddress(host), undefined, host);
  for (const host of ['1.2.3.4.5', '256.1.1.1', '4294967296', 'a.1']) assert.equal(numericAddress(host), '', host);
});

suite('the rules about targets', () => {
  test('each range that is built in is blocked, and the message says how to allow an address of it', () => {
    for (const { range, reason } of builtInRanges) {
      const address = range
        .replace(/\/.*/, '')
        .replace(/\.0\.0$/, '.170.2')
        .replace(/::$/, '::17');
      const message = `${address} is blocked (${range}, ${reason}; --allow-target ${address} allows it)`;
      assert.equal(rulesOf({}).refuseAddress(address, []), message);
      assert.equal(rulesOf({ allow: [address] }).refuseAddress(address, []), undefined);
      assert.equal(allowAllTargets.refuseAddress(address, []), undefined);
    }
  });

  test('the addresses of a mesh are allowed', () => {
    for (const address of [
      ...['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '100.100.100.201', '::1', 'fd00::1'],
      ...['0.0.0.0', '240.240.0.1', '2001:2::1', '198.18.0.1', '8.8.8.8', '2001:db8::1', '64:ff9b::808:808'],
    ])
      assert.equal(rulesOf({}).refuseAddress(address, []), undefined, address);
  });

  test('the most specific range decides', () => {
    const rules = rulesOf({ deny: ['0.0.0.0/0', '10.1.2.0/24'], allow: ['10.0.0.0/8', '10.1.2.3'] });
    assert.match(rules.refuseAddress('8.8.8.8', []) ?? '', /^8\.8\.8\.8 is blocked \(--deny-target 0\.0\.0\.0\/0; /);
    assert.equal(rules.refuseAddress('10.9.9.9', []), undefined);
    assert.match(rules.refuseAddress('10.1.2.4', []) ?? '', /--deny-target 10\.1\.2\.0\/24/);
    assert.equal(rules.refuseAddress('10.1.2.3', []), undefined);
    assert.equal(rules.refuseAddress('::1', []), undefined, 'a range of IPv4 says nothing about IPv6');
  });

  test('a range of everything does not open a built-in range, and this range itself does', () => {
    assert.match(rulesOf({ allow: ['0.0.0.0/0', '*'] }).refuseAddress(metadata, []) ?? '', /link-local/);
    const opened = rulesOf({ allow: ['169.254.0.0/16'] });
    assert.equal(opened.refuseAddress(metadata, []), undefined);
    assert.equal(opened.refuseAddress('::ffff:a9fe:a9fe', []), undefined);
    assert.equal(rulesOf({ allow: ['::ffff:169.254.169.254/128'] }).refuseAddress(metadata, []), undefined);
  });

  test('of two equal rules, the denial decides, and no hint promises that it can be overruled', () => {
    const rules = rulesOf({ allow: ['10.0.0.1', 'a.test'], deny: ['10.0.0.1', 'a.test'] });
    assert.equal(rules.refuseAddress('10.0.0.1', []), '10.0.0.1 is blocked (--deny-target 10.0.0.1)');
    assert.equal(rules.refuseName(['a.test']), 'a.test is blocked (--deny-target a.test)');
  });

  test('a denied address is also denied inside another one, and as the unspecified address', () => {
    const rules = rulesOf({ deny: ['10.0.0.0/8', '127.0.0.0/8', '::1'] });
    for (const address of ['::ffff:10.0.0.1', '64:ff9b::10.0.0.1', '2002:a00:1::1', '0.0.0.0', '::'])
      assert.match(rules.refuseAddress(address, []) ?? '', /is blocked \(--deny-target/, address);
  });

  test('the most specific pattern of a name decides, and covers the name that a name server knows', () => {
    const rules = rulesOf({ deny: ['*', '*.internal.test'], allow: ['*.test', 'one.internal.test'] });
    assert.match(rules.refuseName(['reviews']) ?? '', /--deny-target \*; --allow-target reviews allows it/);
    assert.equal(rules.refuseName(['a.test']), undefined);
    assert.match(rules.refuseName(['x.internal.test']) ?? '', /--deny-target \*\.internal\.test/);
    assert.match(rules.refuseName(['x', 'x.internal.test']) ?? '', /^x is blocked .*--deny-target \*\.internal\.test/);
    assert.equal(rules.refuseName(['one.internal.test']), undefined);
    assert.equal(rulesOf({ deny: ['*.test'] }).refuseName(['test']), undefined, 'a wildcard needs a label');
    assert.equal(rulesOf({ deny: ['*.test'] }).refuseName(['notest']), undefined);
  });

  test('an allowed name may have addresses that the user denies, but none in a built-in range', () => {
    const rules = rulesOf({ deny: ['0.0.0.0/0'], allow: ['*.test'] });
    assert.equal(rules.refuseAddress('8.8.8.8', ['a.test']), undefined);
    assert.match(rules.refuseAddress('8.8.8.8', ['a.other']) ?? '', /^a\.other \(8\.8\.8\.8\) is blocked/);
    assert.match(rules.refuseAddress('8.8.8.8', []) ?? '', /^8\.8\.8\.8 is blocked/);
    assert.match(rulesOf({ allow: ['*.test'] }).refuseAddress(metadata, ['a.test']) ?? '', /link-local/);
  });

  test('a text that is not a target is refused', () => {
    for (const text of ['', '10.0.0.0/33', '::/129', '10.0.0', '300.1.1.1', 'a b', '*a', 'a.*', 'host:80', 'fe80::1%a'])
      assert.throws(() => parseTargetPattern(text), MeshmockError, text);
    for (const text of ['[::1]', '[fd00::]/8', '0.0.0.0/0', 'a_b.test', '*.a.test.', 'xn--4ca.test'])
      assert.equal(parseTargetPattern(text).text, text);
  });
});
