import { MeshmockError } from '../error/meshmock-error.ts';
import { formatPath } from '../plan/format.ts';
import type { Call, Plan, Scheme } from '../plan/plan.ts';
import type { CallResult } from '../reply/reply.ts';
import type { CallRoute } from './request-batch.ts';

/**
 * The way through a meshmock that makes one call for somebody; what that came to is the answer.
 *
 * @param then what is asked of whom it calls
 */
export function callViaMock(
  { scheme, address }: { readonly scheme: Scheme; readonly address: CallRoute['target']['address'] },
  call: Call,
  then: Plan,
): CallRoute {
  const path = formatPath({ kind: 'calls', directives: [], stages: [[call]], then });
  return {
    // Expectations are about what that one is asked for.
    target: { scheme, address, plan: then, path },
    // The call has its own.
    ...{ method: 'GET', headers: [], connectTo: [], unwrap: callIn },
  };
}

/** @throws MeshmockError `usage` when somebody answered who made no call: of whom is asked, that says nothing */
function callIn(answer: CallResult): CallResult {
  const made = answer.reply?.calls?.[0];
  if (made !== undefined) return made;
  if (answer.answeredBy === 'nobody') return answer;
  const { target, status } = answer;
  throw new MeshmockError('usage', `${target} is to make a call, and answers ${status} itself: is it a meshmock?`);
}
