import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrderedOutput } from '../../src/cli/output/ordered-output.ts';

/** Returns an output, and what has appeared so far. */
function output(): { output: OrderedOutput; shown: () => string } {
  let shown = '';
  return { output: new OrderedOutput((text) => (shown += text)), shown: () => shown };
}

test('the first part appears at once, and a later one when those before it have ended', () => {
  const { output: parts, shown } = output();
  parts.write(2, 'c1 ');
  parts.write(1, 'b1 ');
  parts.write(0, 'a1 ');
  assert.equal(shown(), 'a1 ');
  parts.end(2);
  parts.write(0, 'a2 ');
  assert.equal(shown(), 'a1 a2 ');
  parts.end(0);
  assert.equal(shown(), 'a1 a2 b1 ');
  parts.write(1, 'b2 ');
  assert.equal(shown(), 'a1 a2 b1 b2 ');
  parts.end(1);
  assert.equal(shown(), 'a1 a2 b1 b2 c1 ');
});

test('a flush shows the parts that wait in their order, although an earlier one has not ended', () => {
  const { output: parts, shown } = output();
  parts.write(3, 'd ');
  parts.write(1, 'b ');
  assert.equal(shown(), '');
  parts.flush();
  assert.equal(shown(), 'b d ');
  parts.flush();
  assert.equal(shown(), 'b d ');
});
