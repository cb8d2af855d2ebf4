import { ExpectationCheck } from '../../src/expect/expectation-check.ts';
import { parseExpectation } from '../../src/expect/parse.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { noLimits } from '../../src/plan/plan.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';

/** Returns whether an expectation and its negation pass: both fail if the fact is not shown. */
export function verdicts(expectation: string, call: CallResult): [holds: boolean, isNegated: boolean] {
  return [expectation, `not ${expectation}`].map((text) => {
    const check = new ExpectationCheck(parseExpectation(text), parsePath('/@web/x', noLimits));
    check.observe(call);
    return check.verdict().passed;
  }) as [boolean, boolean];
}

export const holds = [true, false];
export const fails = [false, true];
export const unknown = [false, false];

/** Returns a reply as the answer to a request over HTTP. */
export function answered(reply: Reply): CallResult {
  return { target: reply.service, scheme: 'http', status: reply.status, answeredBy: 'service', reply };
}
