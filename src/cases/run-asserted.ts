import type { Verdict } from '../expect/check.ts';
import { MeshmockError } from '../plan/error.ts';
import { signedService } from '../reply/evidence.ts';
import type { CallResult } from '../reply/reply.ts';
import type { AssertedRequest, AssertedRoute, HeaderOperations } from './asserted-route.ts';
import type { Case } from './case.ts';
import { checkFault, checkRedirect } from './check-answer.ts';
import { checkDelegate, checkRoute } from './check-destinations.ts';
import { checkHeaders } from './check-headers.ts';
import { checkRewrite } from './check-rewrite.ts';
import { requestsSince } from './clusters.ts';
import { clientName } from './entrances.ts';
import type { MeshRoutes } from './mesh-routes.ts';
import type { Way } from './mesh-under-test.ts';
import { callRound, openClient, type Round } from './round.ts';
import type { RouteConfig } from './route-config.ts';
import type { Finding, RouteEvidence } from './route-evidence.ts';
import type { CaseRun } from './run-case.ts';

/** So many show a share of one per cent not to be none. */
const sampleSize = 200;
/** Requests that wait for a delay cost nothing but time. */
const sampleConcurrency = 20;

/**
 * Sends a request whose route is asserted, by every way that leads to its VirtualServices, and looks where it went.
 *
 * @returns nothing to hold against anything, if none of what is asserted can be seen
 * @throws MeshmockError `usage` when it cannot be sent, `canceled` when it was stopped
 */
export async function runAsserted(
  testCase: Case & { readonly asserted: AssertedRoute },
  routes: MeshRoutes,
  userAgent: string,
  onAnswer: () => void,
  stop: AbortSignal,
): Promise<CaseRun | { readonly unseen: readonly string[] }> {
  const startedAt = performance.now();
  const { asserted } = testCase;
  const timeoutMs = testCase.timeoutMs + (asserted.fault?.delay?.delayMs ?? 0);
  const ways = routes.entrancesFor(asserted.request, timeoutMs);
  const unseen = ways.flatMap((wayIn) => ('closed' in wayIn ? [wayIn.closed] : []));
  const runs: CaseRun[] = [];
  // A mock that is asked for plain text shows its headers, as one that is asked for a reply does not.
  const plain = routes.entrancesFor(withPlainText(asserted.request), timeoutMs);
  for (const [index, wayIn] of ways.entries()) {
    if (!('way' in wayIn)) continue;
    const sender = new AssertedSender(
      asserted,
      { way: wayIn.way, plain: (plain[index] as typeof wayIn).way },
      { routes, timeoutMs, userAgent, onAnswer, stop },
    );
    const { round, evidence } = await sender.send();
    const findings = findingsOf(asserted, routes.config, evidence);
    const prefix = ways.length > 1 ? `${wayIn.title}: ` : '';
    const verdicts = verdictsOf(findings, asserted.wantMatch, prefix);
    unseen.push(
      ...findings.filter(({ holds }) => holds === undefined).map((one) => `${prefix}${one.expected}: ${one.seen}`),
    );
    const isAnswered = evidence.calls.some(({ answeredBy }) => answeredBy !== 'nobody');
    const holds = isAnswered && verdicts.every(({ passed }) => passed);
    const durationMs = performance.now() - startedAt;
    if (verdicts.length > 0 || !isAnswered)
      runs.push({ way: wayIn.way, round: { ...round, verdicts, isAnswered }, holds, durationMs, unseen });
  }
  return runs.find(({ holds }) => !holds) ?? runs.at(-1) ?? { unseen };
}

function findingsOf(asserted: AssertedRoute, config: RouteConfig, evidence: RouteEvidence): Finding[] {
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
function verdictsOf(findings: readonly Finding[], wantMatch: boolean, prefix: string): Verdict[] {
  return findings.flatMap(({ expected, seen, holds }) =>
    holds === undefined
      ? []
      : [{ expectation: `${prefix}${wantMatch ? '' : 'not '}${expected}`, seen, passed: holds === wantMatch }],
  );
}

interface Surroundings {
  readonly routes: MeshRoutes;
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly onAnswer: () => void;
  readonly stop: AbortSignal;
}

/** The two ways to send the same request: for a reply, and for an answer that shows its headers. */
interface Ways {
  readonly way: Way;
  readonly plain: Way;
}

class AssertedSender {
  private readonly asserted: AssertedRoute;
  private readonly ways: Ways;
  private readonly around: Surroundings;

  constructor(asserted: AssertedRoute, ways: Ways, around: Surroundings) {
    this.asserted = asserted;
    this.ways = ways;
    this.around = around;
  }

  async send(): Promise<{ readonly round: Round; readonly evidence: RouteEvidence }> {
    const { routes, stop } = this.around;
    const before = await routes.clusterRequests(stop);
    const calls: CallResult[] = [];
    const round = await this.round(this.ways.way, isSampled(this.asserted) ? sampleSize : 1, calls);
    const clusters = requestsSince(before, await routes.clusterRequests(stop));
    const shown = await this.shown(calls);
    return { round, evidence: { path: this.asserted.request.uri, calls, clusters, shown } };
  }

  /** Sends once more for the headers of the answer, which a reply stands in the place of. */
  private async shown(calls: readonly CallResult[]): Promise<CallResult | undefined> {
    const { headers, route } = this.asserted;
    const changes = [headers, ...(route ?? []).map((one) => one.headers)].flatMap((one) => one?.response ?? []);
    if (!changes.some(({ set, add, remove }) => set.length + add.length + remove.length > 0)) return undefined;
    const service = calls.map((call) => call.reply?.service ?? signedService(call)).find((name) => name !== undefined);
    if (service === undefined) return calls.find((call) => call.answeredBy === 'foreign');
    const { routes, stop } = this.around;
    const directives = withHeaders(changes);
    await using _behaved = directives === '' ? undefined : await routes.behave(service, directives, stop);
    const again: CallResult[] = [];
    await this.round(this.ways.plain, 1, again);
    return again[0];
  }

  private async round(way: Way, repeat: number, calls: CallResult[]): Promise<Round> {
    const { timeoutMs, userAgent, onAnswer, stop } = this.around;
    const client = await openClient('http');
    try {
      const settings = { ...way, repeat, concurrency: repeat === 1 ? 1 : sampleConcurrency, timeoutMs };
      return await callRound(
        { ...settings, expectations: [] },
        client,
        userAgent,
        (call) => {
          checkSent(call);
          calls.push(call);
          onAnswer();
        },
        stop,
      );
    } finally {
      await client.close();
    }
  }
}

/** Whether what is asserted is a share of many requests. */
function isSampled({ route = [], fault }: AssertedRoute): boolean {
  const percents = [fault?.delay?.percent, fault?.abort?.percent].filter((percent) => percent !== undefined);
  return route.length > 1 || percents.some((percent) => percent < 100);
}

/** What makes a mock answer with headers that a proxy is to remove. */
function withHeaders(changes: readonly HeaderOperations[]): string {
  const names = new Set(changes.flatMap(({ remove }) => remove));
  return [...names].map((name) => `/~header[${name}=meshmock]`).join('');
}

function withPlainText(request: AssertedRequest): AssertedRequest {
  if (request.headers.some(({ name }) => name === 'accept')) return request;
  return { ...request, headers: [...request.headers, { name: 'accept', value: 'text/plain' }] };
}

/** @throws MeshmockError `usage` when the client did not send it */
function checkSent({ reply }: CallResult): void {
  if (reply?.service === clientName && reply.error !== undefined)
    throw new MeshmockError('usage', `it cannot be sent: ${reply.error.message}`);
}
