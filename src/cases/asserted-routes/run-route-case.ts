import type { Verdict } from '../../expect/check.ts';
import type { AssertedRequest, AssertedRoute } from '../asserted-route.ts';
import type { Case } from '../case.ts';
import type { RouteConfig } from '../route-config.ts';
import type { RouteObserver } from '../route-observer.ts';
import { type CaseRun, retryUntil } from '../run-case.ts';
import { checkFault, checkRedirect } from './check-answer.ts';
import { checkDelegate, checkRoute } from './check-destinations.ts';
import { checkHeaders } from './check-headers.ts';
import { checkRewrite } from './check-rewrite.ts';
import type { AssertionResult, RouteEvidence } from './route-evidence.ts';
import { RouteSampler, type SendContext } from './route-sampler.ts';

/** Why nothing that is asserted can be seen. */
export interface Unseen {
  readonly unseen: readonly string[];
}

/**
 * Sends a request whose route is asserted, by every way that leads to its VirtualServices, and looks where it went:
 * until all is as asserted, or the time of its case for that is up.
 *
 * @returns nothing to hold against anything, if none of what is asserted can be seen
 * @throws MeshmockError `usage` when it cannot be sent, `canceled` when it was stopped
 */
export async function runRouteCase(
  { asserted, ...testCase }: Case & { readonly asserted: AssertedRoute },
  routes: RouteObserver,
  userAgent: string,
  onAnswer: () => void,
  stop: AbortSignal,
): Promise<CaseRun | Unseen> {
  if (isEmpty(asserted))
    return { unseen: ['it says nothing of the route: no route, redirect, rewrite, fault, headers or delegate'] };
  const timeoutMs = testCase.timeoutMs + (asserted.fault?.delay?.delayMs ?? 0);
  const once = () => everyWay(asserted, { routes, timeoutMs, userAgent, onAnswer, stop });
  return retryUntil(once, (run) => !('holds' in run) || run.holds, testCase, stop);
}

async function everyWay(asserted: AssertedRoute, around: SendContext): Promise<CaseRun | Unseen> {
  const { routes, timeoutMs } = around;
  const ways = routes.entryRoutesFor(asserted.request, timeoutMs);
  const unseen = ways.flatMap((wayIn) => ('closed' in wayIn ? [wayIn.closed] : []));
  const runs: CaseRun[] = [];
  // A mock that is asked for plain text shows its headers, as one that is asked for a reply does not.
  const plain = routes.entryRoutesFor(withPlainText(asserted.request), timeoutMs);
  for (const [index, wayIn] of ways.entries()) {
    if (!('way' in wayIn)) continue;
    const { way } = wayIn;
    const sender = new RouteSampler(asserted, { way, plain: (plain[index] as typeof wayIn).way }, around);
    const { round, evidence } = await sender.send();
    const findings = checked(asserted, routes.config, evidence);
    const prefix = ways.length > 1 ? `${wayIn.title}: ` : '';
    const verdicts = verdictsOf(findings, asserted.wantMatch, prefix);
    unseen.push(
      ...findings.filter(({ holds }) => holds === undefined).map((one) => `${prefix}${one.expected}: ${one.seen}`),
    );
    const isAnswered = evidence.calls.some(({ answeredBy }) => answeredBy !== 'nobody');
    const holds = isAnswered && verdicts.every(({ passed }) => passed);
    if (verdicts.length > 0 || !isAnswered)
      runs.push({ way, round: { ...round, verdicts, isAnswered }, holds, unseen });
  }
  return runs.find(({ holds }) => !holds) ?? runs.at(-1) ?? { unseen };
}

function isEmpty({ route, redirect, rewrite, fault, headers, delegate }: AssertedRoute): boolean {
  return [route, redirect, rewrite, fault, headers, delegate].every((one) => one === undefined);
}

function checked(asserted: AssertedRoute, config: RouteConfig, evidence: RouteEvidence): AssertionResult[] {
  const { request, route, redirect, rewrite, fault, headers, delegate } = asserted;
  const ofDestination = route?.length === 1 ? route[0]?.headers : undefined;
  return [
    ...(route === undefined ? [] : [checkRoute(route, asserted, config, evidence)]),
    ...(delegate === undefined ? [] : [checkDelegate(delegate, asserted, config, evidence)]),
    ...(redirect === undefined ? [] : [checkRedirect(redirect, request, evidence)]),
    ...(rewrite === undefined ? [] : checkRewrite(rewrite, config, evidence)),
    ...(fault === undefined ? [] : checkFault(fault, evidence)),
    ...[headers, ofDestination].flatMap((changes) =>
      changes === undefined ? [] : checkHeaders(changes, request, evidence),
    ),
    ...(route ?? [])
      .filter(({ headers: own }) => own !== undefined && own !== ofDestination)
      .map(({ host }) => ({
        expected: `headers of ${host}`,
        seen: 'which of several destinations changed them cannot be told',
        holds: undefined,
      })),
  ];
}

/** What cannot be seen is no verdict. */
function verdictsOf(findings: readonly AssertionResult[], wantMatch: boolean, prefix: string): Verdict[] {
  return findings.flatMap(({ expected, seen, holds }) =>
    holds === undefined
      ? []
      : [{ expectation: `${prefix}${wantMatch ? '' : 'not '}${expected}`, seen, passed: holds === wantMatch }],
  );
}

function withPlainText(request: AssertedRequest): AssertedRequest {
  if (request.headers.some(({ name }) => name === 'accept')) return request;
  return { ...request, headers: [...request.headers, { name: 'accept', value: 'text/plain' }] };
}
