import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { LoadBalancer } from '../../../src/istio/cluster/load-balancer.ts';
import type { Service } from '../../../src/istio/resources/objects.ts';

const service = (name: string, spec: object, ip?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, uid: name },
  spec: { ports: [{ port: 80 }], ...spec },
  ...(ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } }),
});
const balanced = { type: 'LoadBalancer' };

/** Runs a load balancer over Services, and returns the addresses in their statuses after each change. */
async function addressesAfter(...states: readonly (readonly Service[])[]): Promise<Readonly<Record<string, string>>[]> {
  const written = new Map<string, string>();
  let services: readonly Service[] = [];
  let changed = (): void => {};
  const view = {
    get services() {
      return services.map((one) => (written.has(one.metadata.name) ? { ...one, status: statusOf(one) } : one));
    },
    onChange(_kinds: readonly string[], listener: () => void) {
      changed = listener;
    },
  };
  const statusOf = ({ metadata }: Service) => ({
    loadBalancer: { ingress: [{ ip: written.get(metadata.name) ?? '' }] },
  });
  const client = {
    async patch({ metadata }: Service, body: object) {
      const { status } = body as { status: { loadBalancer: { ingress: { ip: string }[] } } };
      written.set(metadata.name, status.loadBalancer.ingress[0]?.ip ?? '');
    },
  };
  LoadBalancer.start(view, client, new AbortController().signal);
  const seen: Readonly<Record<string, string>>[] = [];
  for (const state of states) {
    services = state;
    changed();
    await setImmediate();
    for (const name of written.keys()) if (!state.some(({ metadata }) => metadata.name === name)) written.delete(name);
    seen.push(Object.fromEntries(written));
  }
  return seen;
}

test('each Service of type LoadBalancer has an address of its own, and others have none', async () => {
  const [addresses] = await addressesAfter([
    service('one', balanced),
    service('two', balanced),
    service('plain', { type: 'ClusterIP' }),
    service('other', { ...balanced, loadBalancerClass: 'someone/else' }),
  ]);
  assert.deepEqual(addresses, { one: '10.77.240.1', two: '10.77.240.2' });
});

test('a Service keeps its address, and an address is free again when its Service is gone', async () => {
  const kept = service('kept', balanced, '10.77.240.1');
  const [first, second, third] = await addressesAfter(
    [kept, service('one', balanced)],
    [kept],
    [kept, service('two', balanced)],
  );
  assert.deepEqual([first, second, third], [{ one: '10.77.240.2' }, {}, { two: '10.77.240.2' }]);
});

test('a Service waits for an address if none is free', async () => {
  const many = Array.from({ length: 255 }, (_, index) => service(`s${index}`, balanced));
  const [addresses] = await addressesAfter(many);
  assert.equal(Object.keys(addresses ?? {}).length, 254);
});
