import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CauseFinder } from '../../src/diff/engine/cause-finder.ts';
import type { Cause } from '../../src/diff/model.ts';
import { type Manifest, parseManifests } from '../../src/istio/resources/manifest.ts';

describe('the cause of a difference', () => {
  it('is the route that changed, not the one that answers in its place', () => {
    const finder = new CauseFinder(manifests('/api/catalog'), manifests('/api/catalogue'), 'default');
    const causes = finder.placed([route('http[1]'), route('http[0]')]);
    assert.deepEqual(
      causes.map(({ place, where }) => [place, where]),
      [
        ['http[0]', 'shop.yaml:8'],
        ['http[1]', 'shop.yaml:11'],
      ],
    );
  });

  it('is the route that answers if both changed', () => {
    const finder = new CauseFinder(manifests('/a', 'web'), manifests('/b', 'static'), 'default');
    const causes = finder.placed([route('http[1]'), route('http[0]')]);
    assert.deepEqual(
      causes.map(({ place }) => place),
      ['http[1]', 'http[0]'],
    );
  });

  it('is unknown if several other objects changed, and not an object that is the same as before', () => {
    const [one, other] = [manifests('/a'), manifests('/b')];
    const [shop] = manifests('/shop');
    assert.ok(shop);
    const renamed = (all: Manifest[], name: string): Manifest[] =>
      all.map((given) => ({ ...given, object: { ...given.object, metadata: { name } } }));
    const changed = (all: Manifest[]): Manifest[] => [shop, ...renamed(all, 'cart'), ...renamed(all, 'stock')];
    const finder = new CauseFinder(changed(one), changed(other), 'default');
    assert.deepEqual(finder.placed([route('http[0]')]), []);
  });
});

function route(place: string): Cause {
  return { kind: 'VirtualService', namespace: 'default', name: 'shop', place, where: undefined };
}

function manifests(prefix: string, otherwise = 'web'): Manifest[] {
  const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop
spec:
  hosts: [shop.example.com]
  http:
    - match:
        - uri: { prefix: ${prefix} }
      route: [destination: { host: catalog }]
    - route: [destination: { host: ${otherwise} }]
`;
  return parseManifests([{ name: 'shop.yaml', text }]);
}
