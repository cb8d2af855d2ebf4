import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createMeshesFolder } from '../../../src/istio/host/mesh-places.ts';

test('the folder of meshes is not a link, which another user could make to a folder whose contents are then removed', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'places-'));
  t.after(() => rmSync(folder, { recursive: true }));
  createMeshesFolder(path.join(folder, 'meshes'));
  createMeshesFolder(path.join(folder, 'meshes'));
  mkdirSync(path.join(folder, 'home'));
  const link = path.join(folder, 'link');
  symlinkSync(path.join(folder, 'home'), link);
  assert.throws(() => createMeshesFolder(link), {
    code: 'machine',
    message: `${link} belongs to another user: remove it, or set XDG_RUNTIME_DIR`,
  });
});
