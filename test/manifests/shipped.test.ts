import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { manifestCheck } from './check.ts';
import { shipped } from './shipped.ts';
import { manifestTools, temporaryFolder } from './tools.ts';

const tools = await manifestTools();
const folder = temporaryFolder();
const problemsOf = await manifestCheck(tools, folder);
after(() => rmSync(folder, { recursive: true }));

describe('the schemas of Kubernetes, Istio and the Gateway API, istioctl and our own checks find no problem in', () => {
  for (const [name, render] of Object.entries(shipped(tools, path.join(folder, 'values'))))
    it(name, async () => {
      assert.deepEqual(await problemsOf(await render()), []);
    });
});
