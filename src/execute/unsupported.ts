import { MeshmockError } from '../plan/error.ts';
import type { Plan } from '../plan/plan.ts';

/**
 * Refuses by name what the language has and this version does not carry out: it is never silently left out.
 *
 * @throws MeshmockError `unsupported`
 */
export function refuseUnsupported(plan: Plan): void {
  const name = unsupportedIn(plan);
  if (name === undefined) return;
  throw new MeshmockError(
    'unsupported',
    `"${name}" is part of the plan language, but this version of meshmock does not carry it out yet`,
  );
}

function unsupportedIn(plan: Plan): string | undefined {
  const [directive] = plan.directives;
  if (directive !== undefined) return `~${directive.kind}`;
  if (plan.kind === 'answer') return undefined;
  for (const call of plan.stages.flat()) {
    if (call.times !== 1) return `*${call.times}`;
    if (call.options.retries !== undefined) return ';retries';
    if (call.options.concurrency !== undefined) return ';concurrency';
    const below = call.then === undefined ? undefined : unsupportedIn(call.then);
    if (below !== undefined) return below;
  }
  return plan.then === undefined ? undefined : unsupportedIn(plan.then);
}
