import type { ExpectationVerdict } from '../../expect/expectation-check.ts';
import type { AssertedRoute } from '../asserted-route.ts';
import type { RouteCase } from '../case.ts';
import type { RouteConfig } from '../route-config.ts';
import type { EntryAccess, RouteObserver } from '../route-observer.ts';
import { type CaseRun, type RunContext, retryUntil, type TriedCase } from '../run-case.ts';
import { checkFault, checkRedirect } from './check-answer.ts';
import { checkDelegate, checkRoute } from './check-destinations.ts';
import { checkHeaders } from './check-headers.ts';
import { checkRewrite } from './check-rewrite.ts';
import { checkRouterResult } from './check-router-result.ts';
import { type AssertionResult, notSeenResult, type RouteEvidence } from './route-evidence.ts';
import { RouteSampler, type SampleContext } from './route-sampler.ts';

/**
 * Runs a case that asserts a route: sends its request through each entry point and checks the route that it takes.
 * Repeats it until each assertion holds or the retry time of the case is over.
 *
 * @throws MeshmockError `usage` when the request cannot be sent, `canceled` when `stop` is aborted
 */
export async function runRouteCase(
  testCase: RouteCase,
  observer: RouteObserver,
  context: RunContext,
): Promise<CaseRun> {
  const { asserted } = testCase;
  if (isEmpty(asserted)) {
    const reason = 'the case asserts nothing: add a route, redirect, rewrite, fault, headers or delegate';
    return { kind: 'not_seen', reasons: [reason] };
  }
  const timeoutMs = testCase.timeoutMs + (asserted.fault?.delay?.delayMs ?? 0);
  const attempt = () => tryEachAccess(asserted, { ...context, observer, timeoutMs });
  return retryUntil(attempt, (run) => run.kind === 'not_seen' || run.passes, testCase, context.stop);
}

function isEmpty({ route, redirect, rewrite, fault, headers, delegate, result }: AssertedRoute): boolean {
  return [route, redirect, rewrite, fault, headers, delegate, result].every((one) => one === undefined);
}

/** Result of a case through one entry point. */
interface AccessResult {
  /** Undefined if nothing of the assertions was seen. */
  readonly tried: TriedCase | undefined;
  readonly notSeen: readonly string[];
}

/** Returns the first result that fails; the last result if all pass. */
async function tryEachAccess(asserted: AssertedRoute, context: SampleContext): Promise<CaseRun> {
  const accesses = context.observer.accessesFor(asserted.request.authority, context.timeoutMs);
  const results: AccessResult[] = [];
  for (const access of accesses) results.push(await tryAccess(asserted, access, accesses.length > 1, context));
  const notSeen = results.flatMap((result) => result.notSeen);
  const tried = results.flatMap((result) => result.tried ?? []);
  const decisive = tried.find(({ passes }) => !passes) ?? tried.at(-1);
  return decisive === undefined ? { kind: 'not_seen', reasons: notSeen } : { ...decisive, notSeen };
}

async function tryAccess(
  asserted: AssertedRoute,
  access: EntryAccess,
  isOneOfSeveral: boolean,
  context: SampleContext,
): Promise<AccessResult> {
  if (access.kind === 'closed') return { tried: undefined, notSeen: [access.reason] };
  const { batch, evidence } = await new RouteSampler(asserted, access.routeOf, context).sample();
  const results = checkAll(asserted, context.observer.config, evidence);
  const prefix = isOneOfSeveral ? `${access.title}: ` : '';
  const verdicts = verdictsOf(results, asserted.wantMatch, prefix);
  const notSeen = results.flatMap((one) =>
    one.kind === 'not_seen' ? [`${prefix}${one.expected}: ${one.reason}`] : [],
  );
  const isAnswered = evidence.calls.some(({ answeredBy }) => answeredBy !== 'nobody');
  if (verdicts.length === 0 && isAnswered) return { tried: undefined, notSeen };
  const passes = isAnswered && verdicts.every(({ passed }) => passed);
  const route = access.routeOf(asserted.request);
  return { tried: { kind: 'tried', route, batch: { ...batch, verdicts, isAnswered }, passes, notSeen }, notSeen };
}

function checkAll(asserted: AssertedRoute, config: RouteConfig, evidence: RouteEvidence): AssertionResult[] {
  const { request, route, redirect, rewrite, fault, headers, delegate, result } = asserted;
  const headersOfDestination = route?.length === 1 ? route[0]?.headers : undefined;
  return [
    ...(route === undefined ? [] : [checkRoute(route, asserted, config, evidence)]),
    ...(delegate === undefined ? [] : [checkDelegate(delegate, asserted, config, evidence)]),
    ...(redirect === undefined ? [] : [checkRedirect(redirect, request, evidence)]),
    ...(rewrite === undefined ? [] : checkRewrite(rewrite, config, evidence)),
    ...(fault === undefined ? [] : checkFault(fault, evidence)),
    ...(result === undefined ? [] : checkRouterResult(result, evidence)),
    ...[headers, headersOfDestination].flatMap((changes) =>
      changes === undefined ? [] : checkHeaders(changes, request, evidence),
    ),
    ...(route ?? [])
      .filter((destination) => destination.headers !== undefined && destination.headers !== headersOfDestination)
      .map(({ host }) =>
        notSeenResult(`headers of ${host}`, 'the route has several destinations, and any may have changed them'),
      ),
  ];
}

/** Returns the verdicts of the assertions that were seen. With `wantMatch: false` each of them must fail. */
function verdictsOf(results: readonly AssertionResult[], wantMatch: boolean, prefix: string): ExpectationVerdict[] {
  return results.flatMap((result) => {
    if (result.kind === 'not_seen') return [];
    const expectation = `${prefix}${wantMatch ? '' : 'not '}${result.expected}`;
    return [{ expectation, seen: result.seen, passed: result.holds === wantMatch }];
  });
}
