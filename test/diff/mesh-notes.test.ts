import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unresolvedNotes } from '../../src/diff/engine/mesh-notes.ts';

test('hosts that no proxy finds by DNS are named once', () => {
  const clusters = new Set(['outbound|443||api.example.com', 'outbound|80||api.example.com', 'static']);
  assert.deepEqual(
    unresolvedNotes(clusters).map((note) => note.replace(/;.*/, '')),
    ['not found by DNS: api.example.com', 'not found by DNS: static'],
  );
});
