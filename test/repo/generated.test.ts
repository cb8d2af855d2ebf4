import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const root = path.join(import.meta.dirname, '../..');

test('the types and the schema generated from proto/ are current; npm run generate updates them', () => {
  const fresh = mkdtempSync(path.join(tmpdir(), 'meshmock-generated-'));
  try {
    const committed = path.join(root, 'src/grpc/generated');
    execFileSync(process.execPath, [path.join(root, 'build/generate.ts'), fresh]);
    const files = (folder: string): Record<string, string> =>
      Object.fromEntries(
        globSync('**/*.{ts,json}', { cwd: folder })
          .sort()
          .map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]),
      );
    assert.deepEqual(files(committed), files(fresh));
    assert.ok(Object.keys(files(fresh)).length > 10);
  } finally {
    rmSync(fresh, { recursive: true });
  }
});
