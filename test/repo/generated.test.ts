import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const root = path.join(import.meta.dirname, '../..');

test('the types generated from proto/ are current; npm run generate updates them', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: { generate: string };
  };
  const fresh = mkdtempSync(path.join(tmpdir(), 'meshmock-generated-'));
  try {
    const committed = path.join(root, 'src/grpc/generated');
    const [, ...args] = scripts.generate.replace('src/grpc/generated', fresh).split(' ');
    execFileSync(process.execPath, args, { cwd: root });
    const files = (folder: string): Record<string, string> =>
      Object.fromEntries(
        globSync('**/*.ts', { cwd: folder })
          .sort()
          .map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]),
      );
    assert.deepEqual(files(committed), files(fresh));
    assert.ok(Object.keys(files(fresh)).length > 10);
  } finally {
    rmSync(fresh, { recursive: true });
  }
});
