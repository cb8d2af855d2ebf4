import { callWithin } from '../execute/call-within.ts';
import { type Client, largestForeignBytes, type OutgoingCall } from '../execute/client.ts';
import { Dialler } from '../execute/connect-to.ts';
import { inTurn } from '../execute/in-turn.ts';
import { answerFacts, answerParts } from '../execute/make-call.ts';
import { roundMs } from '../execute/round.ts';
import { SummaryCollector } from '../execute/summary-collector.ts';
import { Check, expectsNoAnswer, type Verdict } from '../expect/check.ts';
import { authorityOf, headerFields, isGrpc } from '../plan/plan.ts';
import { readCall } from '../reply/json.ts';
import type { CallResult, Summary } from '../reply/reply.ts';
import type { CallSettings } from './call-options.ts';

/** What all requests of one round came to. */
export interface Round {
  /** The first that failed, else the first. */
  readonly call: CallResult;
  /** When there was more than one. */
  readonly summary: Summary | undefined;
  readonly verdicts: readonly Verdict[];
  /** Whether anybody answered at all. */
  readonly isAnswered: boolean;
  /** Whether it is expected that nobody does. */
  readonly isExpected: boolean;
}

/** Opens the client for the target's protocol. */
export async function openClient({ target }: CallSettings): Promise<Client> {
  if (isGrpc(target.scheme)) return (await import('../grpc/client.ts')).createGrpcClient();
  return (await import('../http/client.ts')).createHttpClient();
}

/**
 * Sends the request as often as it is to be repeated, and holds the answers against the expectations.
 *
 * @param onAnswer told of each answer
 */
export async function callRound(
  settings: CallSettings,
  client: Client,
  userAgent: string,
  onAnswer: (call: CallResult) => void,
): Promise<Round> {
  const { repeat, concurrency, expectations } = settings;
  const send = sender(settings, client, userAgent);
  const collector = new SummaryCollector<never>();
  const checks = expectations.map((expectation) => new Check(expectation, settings.target.plan));
  let isAnswered = false;
  await inTurn(
    repeat,
    concurrency,
    () => true,
    async (index) => {
      const call = await send();
      isAnswered ||= call.answeredBy !== 'nobody';
      collector.add(index, call);
      for (const check of checks) check.observe(call);
      onAnswer(call);
    },
  );
  return {
    call: collector.worst,
    summary: repeat === 1 ? undefined : collector.summary(),
    verdicts: checks.map((check) => check.verdict()),
    isAnswered,
    isExpected: expectations.some(expectsNoAnswer),
  };
}

function sender(settings: CallSettings, client: Client, userAgent: string): () => Promise<CallResult> {
  const { target, timeout: timeoutMs, headers } = settings;
  const dialler = new Dialler(settings.connectTo);
  const authority = authorityOf(target.address);
  const never = new AbortController().signal;
  return async () => {
    const outgoing: OutgoingCall = {
      scheme: target.scheme,
      authority,
      dial: dialler.dial(target.address.host, target.address.port),
      method: 'GET',
      path: target.path,
      headers: { 'user-agent': userAgent, ...headerFields(headers) },
      timeoutMs,
    };
    const startedAt = performance.now();
    const answer = await callWithin(client, outgoing, never);
    return readCall({
      target: authority,
      scheme: target.scheme,
      ...answerFacts(answer),
      durationMs: roundMs(performance.now() - startedAt),
      ...answerParts(answer, largestForeignBytes),
    });
  };
}
