import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openListenersNote } from '../../src/cli/serve/open-listeners.ts';
import { parseAddress } from '../../src/plan/address.ts';

test('a service that other machines can reach has a note, and one that they cannot reach has none', () => {
  const noteOf = (...addresses: string[]): string | undefined => openListenersNote(addresses.map(parseAddress));
  for (const address of [':8080', '8080', '0.0.0.0:8080', '[::]:8080'])
    assert.match(noteOf('localhost:9090', address) ?? '', /all interfaces.*--http localhost:8080/, address);
  assert.equal(noteOf('localhost:8080', '127.0.0.1:9090', '[::1]:9090'), undefined);
});
