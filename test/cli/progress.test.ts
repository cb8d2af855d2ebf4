import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Progress } from '../../src/cli/output/progress.ts';

/** As much of a terminal, or of a pipe, as progress needs. */
function stream(isTTY: boolean): { stream: NodeJS.WriteStream; written: string[] } {
  const written: string[] = [];
  return { stream: { isTTY, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream, written };
}

test('what takes long says how far it is, in one line of a terminal that goes away again', async () => {
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

test('what is quick says nothing, on a terminal or not', async () => {
  for (const isTTY of [true, false]) {
    const { stream: output, written } = stream(isTTY);
    const progress = new Progress(output, () => '1 of 1');
    await setTimeout(300);
    progress.stop();
    assert.deepEqual(written, []);
  }
});
