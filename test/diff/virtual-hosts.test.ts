import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textAt } from '../../src/diff/pieces/json.ts';
import { virtualHostFor } from '../../src/diff/pieces/virtual-hosts.ts';

const routes = {
  virtual_hosts: [
    { name: 'any', domains: ['*'] },
    { name: 'suffix', domains: ['*.example.com'] },
    { name: 'longer suffix', domains: ['*.shop.example.com'] },
    { name: 'prefix', domains: ['cart.*'] },
    { name: 'exact', domains: ['cart.shop.example.com', 'cart.shop.example.com:80'] },
  ],
};

const selected: Readonly<Record<string, string>> = {
  'cart.shop.example.com': 'exact',
  'CART.shop.example.com:80': 'exact',
  'stock.shop.example.com': 'longer suffix',
  'www.example.com': 'suffix',
  'cart.elsewhere': 'prefix',
  elsewhere: 'any',
};

test('a virtual host is selected as Envoy selects it: exact, longest suffix, longest prefix, any', () => {
  for (const [authority, name] of Object.entries(selected))
    assert.equal(textAt(virtualHostFor(routes, authority), 'name'), name, authority);
});

test('an authority that no domain matches has no virtual host', () => {
  assert.equal(virtualHostFor({ virtual_hosts: [{ name: 'a', domains: ['a.example'] }] }, 'b.example'), undefined);
});
