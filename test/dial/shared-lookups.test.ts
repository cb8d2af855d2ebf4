import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { type FoundName, NameError, type NameSource } from '../../src/dial/names/name-source.ts';
import { SharedLookups } from '../../src/dial/names/shared-lookups.ts';

const never = new AbortController().signal;

/** Source whose lookups end when the test says so. */
class ManualSource implements NameSource {
  readonly lookups: { name: string; signal: AbortSignal; answer: PromiseWithResolvers<FoundName> }[] = [];

  lookup(name: string, signal: AbortSignal): Promise<FoundName> {
    const answer = Promise.withResolvers<FoundName>();
    this.lookups.push({ name, signal, answer });
    return answer.promise;
  }

  arrange(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
    return addresses;
  }

  answer(index: number, ttlMs = 0): void {
    const lookup = this.lookups[index];
    lookup?.answer.resolve({ name: lookup.name, addresses: [{ address: '10.0.0.1', family: 4 }], ttlMs });
  }
}

test('lookups of one name at the same time are one, and the next lookup is a new one', async () => {
  const source = new ManualSource();
  const shared = new SharedLookups(source);
  const waits = Array.from({ length: 5 }, () => shared.find('a', never));
  source.answer(0);
  for (const { addresses } of await Promise.all(waits)) assert.equal(addresses[0]?.address, '10.0.0.1');
  assert.equal(source.lookups.length, 1);
  const next = shared.find('a', never);
  source.answer(1);
  await next;
  assert.equal(source.lookups.length, 2);
});

test('addresses are kept for their time to live, and for a second at most', async (context) => {
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  const source = new ManualSource();
  const shared = new SharedLookups(source);
  const look = async (ttlMs: number): Promise<void> => {
    const wait = shared.find('a', never);
    source.answer(source.lookups.length - 1, ttlMs);
    await wait;
  };
  await look(200);
  now = 199;
  await look(200);
  assert.equal(source.lookups.length, 1);
  now = 201;
  await look(3_600_000);
  assert.equal(source.lookups.length, 2);
  now = 1200;
  await look(3_600_000);
  assert.equal(source.lookups.length, 2);
  now = 1202;
  await look(0);
  assert.equal(source.lookups.length, 3);
});

test('an error is not kept', async () => {
  const source = new ManualSource();
  const shared = new SharedLookups(source);
  const wait = shared.find('a', never);
  source.lookups[0]?.answer.reject(new NameError('unknown name'));
  await assert.rejects(wait, { message: 'unknown name' });
  const next = shared.find('a', never);
  source.answer(1);
  assert.equal((await next).name, 'a');
});

test('a signal ends its own wait, and the last one ends the lookup', async () => {
  const source = new ManualSource();
  const shared = new SharedLookups(source);
  const stops = [new AbortController(), new AbortController()] as const;
  const waits = stops.map(({ signal }) => shared.find('a', signal));
  const ends = waits.map((wait) => wait.then(String, (error: Error) => error.message));
  stops[0].abort(new Error('first'));
  assert.equal(await ends[0], 'first');
  assert.equal(source.lookups[0]?.signal.aborted, false);
  stops[1].abort(new Error('second'));
  assert.equal(await ends[1], 'second');
  assert.equal(source.lookups[0]?.signal.aborted, true);
  const next = shared.find('a', never);
  assert.equal(source.lookups.length, 2, 'a lookup that has ended is not joined');
  source.answer(1);
  await next;
});

test('of too many pending names the oldest is given up, so that the newest gets its answer', async () => {
  const source = new ManualSource();
  const shared = new SharedLookups(source);
  const silent = Array.from({ length: 500 }, (_, index) =>
    shared.find(`silent${index}`, never).then(String, (error: Error) => error.message),
  );
  const wait = shared.find('good', never);
  assert.match(await (silent[0] as Promise<string>), /given up, because 500 other names/);
  source.answer(500);
  assert.equal((await wait).name, 'good');
  assert.deepEqual(
    source.lookups.map(({ signal }) => signal.aborted),
    source.lookups.map((_, index) => index === 0 || index === 500),
  );
});
