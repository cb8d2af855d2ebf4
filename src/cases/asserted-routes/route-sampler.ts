import { MeshmockError } from '../../error/meshmock-error.ts';
import { signedService } from '../../reply/mesh-headers.ts';
import type { CallResult } from '../../reply/reply.ts';
import { type CallRoute, openClient, type RequestBatch, sendBatch } from '../../send/request-batch.ts';
import type { AssertedRequest, AssertedRoute, HeaderOperations } from '../asserted-route.ts';
import { countsSince, parseClusterName } from '../envoy-clusters.ts';
import type { RouteConfig } from '../route-config.ts';
import type { RouteObserver } from '../route-observer.ts';
import type { RunContext } from '../run-case.ts';
import { sharesOf } from './check-destinations.ts';
import { clientName } from './entry-points.ts';
import type { RouteEvidence } from './route-evidence.ts';
import { sampleSize } from './shares.ts';

/**
 * Number of requests for a fault of all requests. Other load rarely slows down each of ten delayed requests, and a
 * fault of half of the requests rarely hits each of ten.
 */
const requestsForFault = 10;
/** Number of requests for one cluster of a split route. A cluster with one percent of them is missed once in 20,000 runs. */
const requestsForCluster = 1000;
const sampleConcurrency = 20;

/** Mesh and settings that all samples of a case share. */
export interface SampleContext extends RunContext {
  readonly observer: RouteObserver;
  /** Timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
}

/** Sends a request whose route is asserted through one entry point, and collects evidence of its route. */
export class RouteSampler {
  private readonly asserted: AssertedRoute;
  private readonly routeOf: (request: AssertedRequest) => CallRoute;
  private readonly context: SampleContext;

  constructor(asserted: AssertedRoute, routeOf: (request: AssertedRequest) => CallRoute, context: SampleContext) {
    this.asserted = asserted;
    this.routeOf = routeOf;
    this.context = context;
  }

  /** @throws MeshmockError `usage` when the client cannot send the request, `canceled` when `stop` is aborted */
  async sample(): Promise<{ readonly batch: RequestBatch; readonly evidence: RouteEvidence }> {
    const { observer, stop } = this.context;
    const { request } = this.asserted;
    const before = await observer.counts(stop);
    const { batch, calls } = await this.send(request, sampleSizeOf(this.asserted, observer.config));
    const counts = countsSince(before, await observer.counts(stop));
    const headerAnswer = await this.headerAnswer(calls);
    return { batch, evidence: { path: request.uri, calls, ...counts, headerAnswer } };
  }

  /**
   * Returns an answer whose headers are visible, if headers of answers are asserted. A call with a reply has no
   * headers, so this asks the mock for plain text.
   */
  private async headerAnswer(calls: readonly CallResult[]): Promise<CallResult | undefined> {
    const changes = responseChanges(this.asserted);
    const isExpected = (this.asserted.result?.responseHeaders.length ?? 0) > 0;
    if (!isExpected && !changes.some(({ set, add, remove }) => set.length + add.length + remove.length > 0))
      return undefined;
    const service = calls.map((call) => call.reply?.service ?? signedService(call)).find((name) => name !== undefined);
    if (service === undefined) return calls.find((call) => call.answeredBy === 'foreign');
    const { observer, stop } = this.context;
    const directives = directivesWithHeaders(changes);
    await using _behaviour = directives === '' ? undefined : await observer.setBehaviour(service, directives, stop);
    const plain = await this.send(withPlainText(this.asserted.request), 1);
    return plain.calls[0];
  }

  private async send(
    request: AssertedRequest,
    repeat: number,
  ): Promise<{ readonly batch: RequestBatch; readonly calls: readonly CallResult[] }> {
    const { timeoutMs, userAgent, onAnswer, stop } = this.context;
    const calls: CallResult[] = [];
    const client = await openClient('http');
    try {
      const concurrency = concurrencyOf(this.asserted);
      const settings = { ...this.routeOf(request), repeat, concurrency, timeoutMs, expectations: [] };
      const onCall = (call: CallResult): void => {
        checkSent(call);
        calls.push(call);
        onAnswer(call);
      };
      return { batch: await sendBatch(settings, client, userAgent, onCall, stop), calls };
    } finally {
      await client.close();
    }
  }
}

/** Returns the number of requests to send: one if no assertion depends on chance or time. */
function sampleSizeOf({ route = [], fault, result }: AssertedRoute, config: RouteConfig): number {
  const cluster = parseClusterName(result?.cluster ?? '');
  if (cluster !== undefined && config.sharesRoute(cluster.host)) return requestsForCluster;
  const percents = [fault?.delay?.percent, fault?.abort?.percent].filter((percent) => percent !== undefined);
  const shares = percents.filter((percent) => percent < 100).map((percent) => percent / 100);
  // A single asserted destination may have only a share of the requests.
  if (route.length > 1 || route.some(({ host }) => config.sharesRoute(host))) shares.push(...sharesOf(route));
  if (shares.length > 0) return sampleSize(shares);
  return fault === undefined ? 1 : requestsForFault;
}

/** Returns the number of requests at the same time: more for long delays, which cost no processor time. */
function concurrencyOf({ fault }: AssertedRoute): number {
  if (fault?.delay === undefined) return sampleConcurrency;
  return Math.max(requestsForFault, Math.min(100, Math.round(fault.delay.delayMs / 20)));
}

function responseChanges({ headers, route }: AssertedRoute): HeaderOperations[] {
  return [headers, ...(route ?? []).map((one) => one.headers)].flatMap((one) => one?.response ?? []);
}

/** Returns directives with which a mock sends each header that a proxy must remove. */
function directivesWithHeaders(changes: readonly HeaderOperations[]): string {
  const names = new Set(changes.flatMap(({ remove }) => remove));
  return [...names].map((name) => `/~header[${name}=meshmock]`).join('');
}

function withPlainText(request: AssertedRequest): AssertedRequest {
  if (request.headers.some(({ name }) => name === 'accept')) return request;
  return { ...request, headers: [...request.headers, { name: 'accept', value: 'text/plain' }] };
}

/** @throws MeshmockError `usage` when the client refuses to send the request */
function checkSent({ reply }: CallResult): void {
  if (reply?.service === clientName && reply.error !== undefined)
    throw new MeshmockError('usage', `the request cannot be sent: ${reply.error.message}`);
}
