import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('each test file belongs to a suite of package.json', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const patterns = Object.values(scripts).flatMap((script) => script.match(/test\/[^"\s]+\.test\.ts/g) ?? []);
  const inSuites = new Set(patterns.flatMap((pattern) => globSync(pattern)));
  assert.deepEqual(
    globSync('test/**/*.test.ts').filter((file) => !inSuites.has(file)),
    [],
  );
});
