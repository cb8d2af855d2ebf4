import assert from 'node:assert/strict';
import { test } from 'node:test';
import { externalZone } from '../../../src/istio/network/external-hosts.ts';

/** Returns the lines of a zone file after its first one, in order. */
function recordsOf(hosts: Readonly<Record<string, readonly string[]>>): string[] {
  return externalZone(new Map(Object.entries(hosts)), 7)
    .trimEnd()
    .split('\n')
    .slice(1)
    .sort();
}

test('a zone file has a serial number, and an address record for each address', () => {
  const zone = externalZone(new Map([['api.example.com', ['10.77.1.9', '10.77.1.10']]]), 7);
  assert.equal(
    zone,
    '. 1 IN SOA ns.dns. hostmaster. 7 7200 1800 86400 1\napi.example.com. 1 IN A 10.77.1.9\napi.example.com. 1 IN A 10.77.1.10\n',
  );
});

test('a wildcard also matches names above and below other hosts', () => {
  const records = recordsOf({ '*.example.com': ['10.77.1.9'], 'deep.www.example.com': ['10.77.1.10'] });
  assert.deepEqual(records, [
    '*.deep.www.example.com. 1 IN A 10.77.1.9',
    '*.example.com. 1 IN A 10.77.1.9',
    '*.www.example.com. 1 IN A 10.77.1.9',
    'deep.www.example.com. 1 IN A 10.77.1.10',
    'www.example.com. 1 IN A 10.77.1.9',
  ]);
});

test('the longest wildcard that matches a name decides', () => {
  const records = recordsOf({
    '*.com': ['10.77.1.1'],
    '*.example.com': ['10.77.1.2'],
    'a.b.example.com': ['10.77.1.3'],
  });
  assert.ok(records.includes('example.com. 1 IN A 10.77.1.1'));
  assert.ok(records.includes('b.example.com. 1 IN A 10.77.1.2'));
});
