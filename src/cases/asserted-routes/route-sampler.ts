import { MeshmockError } from '../../error/meshmock-error.ts';
import { signedService } from '../../reply/mesh-headers.ts';
import type { CallResult } from '../../reply/reply.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import { openClient, type RequestBatch, sendBatch } from '../../send/request-batch.ts';
import type { AssertedRoute, HeaderOperations } from '../asserted-route.ts';
import { countsSince } from '../envoy-clusters.ts';
import type { RouteConfig } from '../route-config.ts';
import type { RouteObserver } from '../route-observer.ts';
import { sharesOf } from './check-destinations.ts';
import { clientName } from './entry-points.ts';
import type { RouteEvidence } from './route-evidence.ts';
import { sampleSize } from './shares.ts';

/** Of so many that are delayed at once, one or another is held up by nothing else; half of them are hardly aborted by chance. */
const faultsAtOnce = 10;
const sampleConcurrency = 20;

/** What a request is sent in. */
export interface SendContext {
  readonly routes: RouteObserver;
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly onAnswer: () => void;
  readonly stop: AbortSignal;
}

/** The two ways to send the same request: for a reply, and for an answer that shows its headers. */
interface Ways {
  readonly way: CallRoute;
  readonly plain: CallRoute;
}

/** Sends a request whose route is asserted by one way, and looks what came of it. */
export class RouteSampler {
  private readonly asserted: AssertedRoute;
  private readonly ways: Ways;
  private readonly around: SendContext;

  constructor(asserted: AssertedRoute, ways: Ways, around: SendContext) {
    this.asserted = asserted;
    this.ways = ways;
    this.around = around;
  }

  async send(): Promise<{ readonly round: RequestBatch; readonly evidence: RouteEvidence }> {
    const { routes, stop } = this.around;
    const before = await routes.counts(stop);
    const calls: CallResult[] = [];
    const round = await this.round(this.ways.way, requestsFor(this.asserted, routes.config), calls);
    const counts = countsSince(before, await routes.counts(stop));
    const shown = await this.shown(calls);
    return { round, evidence: { path: this.asserted.request.uri, calls, ...counts, shown } };
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
    await using _behaved = directives === '' ? undefined : await routes.setBehaviour(service, directives, stop);
    const again: CallResult[] = [];
    await this.round(this.ways.plain, 1, again);
    return again[0];
  }

  private async round(way: CallRoute, repeat: number, calls: CallResult[]): Promise<RequestBatch> {
    const { timeoutMs, userAgent, onAnswer, stop } = this.around;
    const client = await openClient('http');
    try {
      const settings = { ...way, repeat, concurrency: concurrencyFor(this.asserted), timeoutMs };
      return await sendBatch(
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

/** How often it is sent: once, if nothing that is asserted is a matter of chance or of time. */
function requestsFor({ route = [], fault }: AssertedRoute, config: RouteConfig): number {
  const percents = [fault?.delay?.percent, fault?.abort?.percent].filter((percent) => percent !== undefined);
  const shares = percents.filter((percent) => percent < 100).map((percent) => percent / 100);
  // What is to be all may be a share.
  if (route.length > 1 || route.some(({ host }) => config.sharesRoute(host))) shares.push(...sharesOf(route));
  if (shares.length > 0) return sampleSize(shares);
  return fault === undefined ? 1 : faultsAtOnce;
}

/** Those that wait cost nothing but time; but short delays are not seen where many requests are on their way. */
function concurrencyFor({ fault }: AssertedRoute): number {
  if (fault?.delay === undefined) return sampleConcurrency;
  return Math.max(faultsAtOnce, Math.min(100, Math.round(fault.delay.delayMs / 20)));
}

/** What makes a mock answer with headers that a proxy is to remove. */
function withHeaders(changes: readonly HeaderOperations[]): string {
  const names = new Set(changes.flatMap(({ remove }) => remove));
  return [...names].map((name) => `/~header[${name}=meshmock]`).join('');
}

/** @throws MeshmockError `usage` when the client did not send it */
function checkSent({ reply }: CallResult): void {
  if (reply?.service === clientName && reply.error !== undefined)
    throw new MeshmockError('usage', `it cannot be sent: ${reply.error.message}`);
}
