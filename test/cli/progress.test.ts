import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Progress } from '../../src/cli/output/progress.ts';
import { SharedProgress } from '../../src/cli/output/shared-progress.ts';

/** Returns a terminal or a pipe, with the methods that `Progress` needs. */
function stream(isTTY: boolean): { stream: NodeJS.WriteStream; written: string[] } {
  const written: string[] = [];
  return { stream: { isTTY, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream, written };
}

/** Replaces the clock and the intervals of a test, and returns a function that lets a time pass, in milliseconds. */
function replaceClock({ mock }: TestContext): (ms: number) => void {
  const stepMs = 100;
  let nowMs = 0;
  mock.method(performance, 'now', () => nowMs);
  mock.timers.enable({ apis: ['setInterval'] });
  return (ms) => {
    for (const endMs = nowMs + ms; nowMs < endMs; ) {
      nowMs += stepMs;
      mock.timers.tick(stepMs);
    }
  };
}

test('a slow action shows its progress in one line of a terminal, and clears the line at its end', (context) => {
  const pass = replaceClock(context);
  const { stream: terminal, written } = stream(true);
  let done = 0;
  const progress = new Progress(terminal, () => `${done} of 9`);
  pass(500);
  assert.deepEqual(written, []);
  done = 3;
  pass(1200);
  progress.stop();
  assert.equal(written[0], '\r\x1b[K3 of 9, 1 s');
  assert.equal(written.at(-1), '\r\x1b[K');
});

test('a slow action writes a line every five seconds if there is no terminal', (context) => {
  const pass = replaceClock(context);
  const { stream: pipe, written } = stream(false);
  const progress = new Progress(pipe, () => '3 of 9');
  pass(10_000);
  progress.stop();
  assert.deepEqual(written, ['3 of 9, 5 s\n', '3 of 9, 10 s\n']);
});

test('a quick action writes nothing, on a terminal or not', (context) => {
  const pass = replaceClock(context);
  for (const isTTY of [true, false]) {
    const { stream: output, written } = stream(isTTY);
    const progress = new Progress(output, () => '1 of 1');
    pass(900);
    progress.stop();
    assert.deepEqual(written, []);
  }
});

test('actions at the same time share one line of a terminal, which makes room for other output', (context) => {
  const pass = replaceClock(context);
  const { stream: terminal, written } = stream(true);
  const progress = new SharedProgress(terminal, 'meshmock: ');
  const endFirst = progress.begin(() => 'first');
  const endSecond = progress.begin(() => 'second');
  pass(1300);
  assert.equal(written.at(-1), '\r\x1b[Kmeshmock: first, 1 s | second, 1 s');
  progress.hide();
  assert.equal(written.at(-1), '\r\x1b[K');
  const { length } = written;
  progress.hide();
  assert.equal(written.length, length);
  endFirst();
  pass(400);
  assert.equal(written.at(-1), '\r\x1b[Kmeshmock: second, 2 s');
  endSecond();
  assert.equal(written.at(-1), '\r\x1b[K');
});
