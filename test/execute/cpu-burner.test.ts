import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuBurner } from '../../src/execute/directives/cpu-burner.ts';

const deadlineAt = Number.POSITIVE_INFINITY;

test('CPU jobs whose clients have gone cost no CPU time any longer, and their threads take the next job', async () => {
  const burner = new CpuBurner(0);
  try {
    for (let index = 0; index < 20; index++) {
      const controller = new AbortController();
      const burning = burner.burn(60_000, { signal: controller.signal, deadlineAt });
      setTimeout(() => controller.abort('gone'), 10);
      await assert.rejects(burning, (reason) => reason === 'gone');
    }
    await burner.burn(5, { signal: new AbortController().signal, deadlineAt });
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 150_000, `${user + system} us`);
  } finally {
    await burner.stop();
  }
});
