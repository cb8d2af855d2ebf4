import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readPage, root } from './pages.ts';

/** Row of a table whose last column is a test: its file, and its title or the beginning of it. */
const rows = /^\|.*\| `(test\/[^`]+)`: (.+) \|$/gm;

test('Each attack in SECURITY.md names a test that exists', () => {
  const { text } = readPage('SECURITY.md');
  const attacks = text.split('\n## ').find((part) => part.startsWith('Attacks\n')) ?? '';
  const found = [...attacks.matchAll(rows)];
  assert.ok(found.length > 25);
  assert.equal(found.length, attacks.split('\n').filter((line) => line.startsWith('|')).length - 2);
  for (const [, file = '', title = ''] of found) {
    const full = path.join(root, file);
    assert.ok(existsSync(full), file);
    assert.ok(readFileSync(full, 'utf8').includes(title), `${file} has no test with the title: ${title}`);
  }
});
