import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { formatPath } from '../../src/plan/format.ts';
import { fromMessage } from '../../src/plan/from-message.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { noLimits } from '../../src/plan/plan.ts';
import { toMessage } from '../../src/plan/to-message.ts';
import fc from '../fast-check.ts';
import { allParts, arbitraryPlan } from './arbitrary-plan.ts';

test('10,000 random plans survive formatting and parsing, twice', () => {
  fc.assert(
    fc.property(arbitraryPlan(allParts), (plan) => {
      const path = formatPath(plan);
      const parsed = parsePath(path, noLimits);
      assert.deepEqual(parsed, plan);
      assert.equal(formatPath(parsed), path);
    }),
    { numRuns: 10_000 },
  );
});

test('10,000 random plans survive the way through a message and JSON', () => {
  fc.assert(
    fc.property(arbitraryPlan(allParts), (plan) => {
      const message = JSON.parse(JSON.stringify(toMessage(plan)));
      assert.deepEqual(fromMessage(message, noLimits), plan);
    }),
    { numRuns: 10_000 },
  );
});

const alphabet = [
  '/@',
  '/~',
  '//@',
  '%40',
  '%2C',
  '%5B',
  '%5D',
  '%',
  '%2',
  ...'/@~,|:*[]();=<?#abc019.-_ \u00e9\u{1f600}',
];
const fragments = [
  'delay=1s',
  'status=503',
  ':0.3',
  '1in3',
  'attempt<3',
  'grpc:',
  'http:',
  ';timeout=2s',
  ';method=',
  '[::1]',
  '*9',
  'header[a=b]',
];
const random = fc
  .array(fc.constantFrom(...alphabet, ...fragments), { maxLength: 30 })
  .map((parts) => `/${parts.join('')}`);
const mutated = fc
  .tuple(arbitraryPlan(allParts, 2), fc.nat(), fc.nat(3), fc.constantFrom(...alphabet, ''))
  .map(([plan, at, cut, insert]) => {
    const path = formatPath(plan);
    const offset = at % (path.length + 1);
    return path.slice(0, offset) + insert + path.slice(offset + cut);
  });

test('100,000 random and mutated texts parse into a plan, or fail with an offset inside the text', () => {
  fc.assert(
    fc.property(fc.oneof(random, mutated, fc.string()), (text) => {
      try {
        const plan = parsePath(text);
        assert.deepEqual(parsePath(formatPath(plan)), plan);
      } catch (error) {
        if (!(error instanceof MeshmockError)) throw error;
        assert.ok(error.code === 'invalid_plan' || error.code === 'limit_exceeded');
        assert.ok(error.place !== undefined && error.place.offset >= 0 && error.place.offset <= text.length);
        assert.ok(error.place.expected.length > 0);
      }
    }),
    { numRuns: 100_000 },
  );
});
