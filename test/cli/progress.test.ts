import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Progress } from '../../src/cli/output/progress.ts';

/** Returns a terminal or a pipe, with the methods that `Progress` needs. */
function stream(isTTY: boolean): { stream: NodeJS.WriteStream; written: string[] } {
  const written: string[] = [];
  return { stream: { isTTY, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream, written };
}

test('a slow action shows its progress in one line of a terminal, and clears the line at its end', async () => {
  const { stream: terminal, written } = stream(true);
  let done = 0;
  const progress = new Progress(terminal, () => `${done} of 9`);
  await setTimeout(500);
  assert.deepEqual(written, []);
  done = 3;
  await setTimeout(1200);
  progress.stop();
  assert.equal(written[0], '\r\x1b[K3 of 9, 1 s');
  assert.equal(written.at(-1), '\r\x1b[K');
});

test('a quick action writes nothing, on a terminal or not', async () => {
  for (const isTTY of [true, false]) {
    const { stream: output, written } = stream(isTTY);
    const progress = new Progress(output, () => '1 of 1');
    await setTimeout(300);
    progress.stop();
    assert.deepEqual(written, []);
  }
});
