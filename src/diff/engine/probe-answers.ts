import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../execute/client.ts';
import type { CallResult } from '../../reply/reply.ts';
import { type BatchSettings, type CallRoute, openClient, sendBatch } from '../../send/request-batch.ts';
import { calleeDirectives } from '../callee-directives.ts';
import { delayedConcurrency } from '../compare/delays.ts';
import type { Probe } from '../probe.ts';
import { mayBeByChance } from './chance-answers.ts';

/** Maximum time of one request, in milliseconds. Longer timeouts of routes are not compared. */
const requestTimeoutMs = 15_000;
/** The same over TCP, where a refused connection may stay open without an answer. */
const tcpTimeoutMs = 3000;

/** Returns the timeout of the requests of a probe, in milliseconds. */
export function probeTimeoutMs({ request }: Pick<Probe, 'request'>): number {
  return request.protocol === 'tcp' ? tcpTimeoutMs : requestTimeoutMs;
}

/** Parts that all requests of a phase share. */
export interface AnswerSettings {
  readonly clients: ProbeClients;
  readonly userAgent: string;
  /** Time until which mocks of pods that were replaced may still start. */
  readonly startsUntilMs: number;
  /** Reports whether an answer is not that of the probe's own request, so that it is sent again. */
  readonly isMissed?: (answer: CallResult) => boolean;
}

/** Sends the requests of a probe on its route. Those whose answers may be by chance are sent again. */
export async function answersTo(
  probe: Probe,
  route: CallRoute,
  { clients, userAgent, startsUntilMs, isMissed = () => false }: AnswerSettings,
  signal: AbortSignal,
): Promise<CallResult[]> {
  const client = await clients.clientFor(route);
  // The route's own hops need time too.
  const settings = { ...route, ...timesOf(probe), timeoutMs: probeTimeoutMs(probe) + 1000, expectations: [] };
  const send = async (repeat: number): Promise<CallResult[]> => {
    const answers: CallResult[] = [];
    await sendBatch({ ...settings, repeat }, client, userAgent, (answer) => answers.push(answer), signal);
    return answers;
  };
  let answers = await send(settings.repeat);
  if (probe.mode.kind === 'burst') return answers;
  const mayChange = calleeDirectives(probe) === undefined;
  const isDoubtful = (answer: CallResult): boolean =>
    isMissed(answer) || (mayChange && mayBeByChance(answer, probe.mode));
  const mayStart = (): boolean => performance.now() < startsUntilMs;
  // The timeout of TCP is longer than a slow machine needs.
  const triesOfProbe = probe.request.protocol === 'tcp' ? 1 : mostTries;
  const mayTry = (tries: number): boolean =>
    tries < triesOfProbe || mayStart() || (tries < triesOfMissed && answers.some(isMissed));
  for (let tries = 0; mayTry(tries) && answers.some(isDoubtful); tries++) {
    if (mayStart()) await sleep(pauseMs, undefined, { signal });
    const kept = answers.filter((answer) => !isDoubtful(answer));
    answers = [...kept, ...(await send(answers.length - kept.length))];
  }
  return answers;
}

const mostTries = 5;
/** The same for requests that another workload of the caller's Service got: one of five is reached after these, by far. */
const triesOfMissed = 30;
/** Pause before a request is sent again while pods may start, in milliseconds. */
const pauseMs = 250;

/** Returns how often a probe is sent, and how many of its requests at the same time. */
function timesOf({ mode }: Probe): Pick<BatchSettings, 'repeat' | 'concurrency'> {
  switch (mode.kind) {
    case 'plain':
    case 'slow':
    case 'failing':
      return { repeat: 1, concurrency: 1 };
    case 'delayed':
      return { repeat: mode.count, concurrency: mode.isCertain ? 1 : delayedConcurrency };
    case 'shares':
    case 'ejection':
    case 'answer_headers':
      return { repeat: mode.count, concurrency: 1 };
    case 'burst':
      return { repeat: mode.count, concurrency: mode.count };
  }
}

/** Clients of the schemes of probes. Those with TLS have the certificates of their route. */
export class ProbeClients implements AsyncDisposable {
  private readonly clients = new Map<string, Promise<Client>>();

  clientFor({ target, tls }: CallRoute): Promise<Client> {
    const key = JSON.stringify([target.scheme, tls]);
    const known = this.clients.get(key) ?? openClient(target.scheme, tls);
    this.clients.set(key, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.clients.values()].map(async (client) => (await client).close()));
  }
}
