import { MeshmockError } from '../error/meshmock-error.ts';
import { formatPath } from '../plan/format.ts';
import type { Call, Plan, Scheme } from '../plan/plan.ts';
import type { CallResult } from '../reply/reply.ts';
import type { CallRoute } from './request-batch.ts';

/**
 * Returns the route on which a meshmock makes one call for the caller. The result of that call counts as the answer.
 *
 * @param mock the meshmock that makes the call
 * @param call the call that it makes
 * @param then the plan that the callee receives
 */
export function callViaMock(
  mock: { readonly scheme: Scheme; readonly address: CallRoute['target']['address'] },
  call: Call,
  then: Plan,
): CallRoute {
  return {
    target: {
      scheme: mock.scheme,
      address: mock.address,
      // Expectations are about the plan of the callee.
      plan: then,
      path: formatPath({ kind: 'calls', directives: [], stages: [[call]], then }),
    },
    // The call has its own method and headers.
    method: 'GET',
    headers: [],
    connectTo: [],
    unwrap: madeCall,
  };
}

/** @throws MeshmockError `unavailable` when something answers that made no call, such as a login page */
function madeCall(answer: CallResult): CallResult {
  const call = answer.reply?.calls?.[0];
  if (call !== undefined) return call;
  if (answer.answeredBy === 'nobody') return answer;
  throw new MeshmockError(
    'unavailable',
    `${answer.target} answered ${answer.status} and made no call: check that it is a meshmock`,
  );
}
