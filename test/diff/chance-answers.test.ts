import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mayBeByChance } from '../../src/diff/engine/chance-answers.ts';
import type { CallResult } from '../../src/reply/reply.ts';

it('requests are sent again after timeouts and resets, but not after faults, nor as parts of a share', () => {
  const plain = { kind: 'plain', byChance: 'nothing' } as const;
  const shares = { kind: 'shares', count: 10, configured: [50] } as const;
  const refused = (reason: string, status: number): CallResult =>
    ({ status, mesh: { refusal: { reason } } }) as CallResult;
  const answers = [
    refused('timeout', 504),
    refused('fault', 504),
    refused('upstream_reset', 503),
    refused('connect_failure', 503),
    { error: { code: 'reset' } } as CallResult,
    { error: { code: 'refused' } } as CallResult,
    { status: 504 } as CallResult,
    { status: 200 } as CallResult,
  ];
  const isAgain = (mode: typeof plain | typeof shares): boolean[] => answers.map((one) => mayBeByChance(one, mode));
  assert.deepEqual(isAgain(plain), [true, false, true, true, true, true, true, false]);
  assert.deepEqual(isAgain(shares), [true, false, false, false, false, false, true, false]);
});
