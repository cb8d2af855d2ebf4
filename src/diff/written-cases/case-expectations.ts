import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseExpectation } from '../../expect/parse.ts';
import { redacted } from '../../reply/redaction.ts';
import type { CallErrorCode } from '../../reply/reply.ts';
import { isRefused } from '../answer-kinds.ts';
import type { Difference } from '../difference.ts';
import type { Observation, Outcome, ReceivedCopy } from '../observation.ts';
import type { Probe, ProbeMode } from '../probe.ts';
import { hasSecret } from '../secret-fields.ts';

/** Expectations that hold for an observation; a reason if none can be written. */
export type WrittenExpectations =
  | { readonly kind: 'expectations'; readonly expect: readonly string[]; readonly repeat: number }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Returns expectations that an observation satisfies.
 *
 * @param other observation of the other side, which must not satisfy them; undefined if there is none
 */
export function expectationsOf(
  probe: Probe,
  seen: Observation,
  other: Observation | undefined,
  differences: readonly Difference[],
): WrittenExpectations {
  const written = rawExpectations(probe, seen, other, differences);
  if (written.kind === 'none') return written;
  if (written.expect.some(hasSecret)) return { kind: 'none', reason: 'a part of the answer may be secret' };
  const wrong = written.expect.find((text) => !isExpectation(text));
  if (wrong !== undefined) return { kind: 'none', reason: `no expectation can be written for "${wrong}"` };
  return written.expect.length === 0 ? { kind: 'none', reason: 'the answer shows too little' } : written;
}

function isExpectation(text: string): boolean {
  try {
    parseExpectation(text);
    return true;
  } catch (error) {
    if (error instanceof MeshmockError) return false;
    throw error;
  }
}

function rawExpectations(
  probe: Probe,
  seen: Observation,
  other: Observation | undefined,
  differences: readonly Difference[],
): WrittenExpectations {
  const { mode } = probe;
  const subject = subjectOf(probe);
  const [outcome] = seen.outcomes;
  if (outcome === undefined) return { kind: 'none', reason: 'there was no answer' };
  const isPortless = probe.caller.kind === 'gateway' && hasCode(outcome, 'unreachable');
  if (isPortless) return { kind: 'none', reason: 'a case cannot call a port that no gateway has' };
  switch (mode.kind) {
    case 'plain':
      return found([
        ...answerFacts(outcome, subject, mode.byChance === 'nothing', probe),
        ...contentFacts(outcome, subject, differences),
      ]);
    case 'shares':
      return sharesFacts(seen, subject, mode);
    case 'slow':
      return found([...slowFacts(outcome, subject, probe), ...latencyFacts(seen, other, subject)]);
    case 'delayed':
      return mode.isCertain
        ? found(latencyFacts(seen, other, subject))
        : { kind: 'none', reason: 'a case cannot count the requests that are delayed' };
    case 'failing':
      return seen.attempts === undefined || mode.failure.kind === 'reset'
        ? { kind: 'none', reason: 'the answer does not show the number of attempts' }
        : found([`${subject}attempt = ${seen.attempts}`]);
    case 'burst':
      return burstFacts(seen, other, subject);
    case 'answer_headers':
      return probe.caller.kind === 'gateway' && mode.count === 1
        ? found(contentFacts(outcome, subject, differences))
        : { kind: 'none', reason: 'a case cannot show the headers of the answers of mocks to mocks' };
    case 'ejection':
      return { kind: 'none', reason: 'a case cannot make one pod of a service fail' };
  }
}

function hasCode({ answer }: Outcome, code: CallErrorCode): boolean {
  return answer.kind === 'none' && answer.code === code;
}

function found(expect: readonly string[], repeat = 1): WrittenExpectations {
  return { kind: 'expectations', expect, repeat };
}

/** Returns the beginning of expectations about a probe: the service, or nothing for the answer of a gateway. */
function subjectOf({ caller, destination }: Probe): string {
  return caller.kind === 'gateway' ? '' : `${destination.name.split('.')[0]} `;
}

function answerFacts(outcome: Outcome, subject: string, isCertain: boolean, { destination, caller }: Probe): string[] {
  const { answer } = outcome;
  const facts = statusFacts(outcome, subject);
  switch (answer.kind) {
    case 'service': {
      if (!isCertain) return facts;
      const isCalled = caller.kind !== 'gateway' && answer.service === destination.name.split('.')[0];
      return [
        ...facts,
        ...(isCalled ? [] : [`${subject}service = ${quoted(answer.service)}`]),
        ...(answer.version ? [`${subject}version = ${answer.version}`] : []),
      ];
    }
    case 'redirect':
      return [...facts, `${subject}location = ${quoted(answer.location)}`];
    case 'direct':
      return answer.body === '' ? facts : [...facts, `${subject}answer-body = ${quoted(answer.body)}`];
    case 'refused':
    case 'foreign':
    case 'none':
      return facts;
  }
}

/** Returns the status, and why a proxy refused the request. */
function statusFacts({ answer, status }: Outcome, subject: string): string[] {
  if (answer.kind === 'none') return [`${subject}status = ${answer.code}`];
  const facts = status === undefined ? [] : [`${subject}status = ${status}`];
  if (answer.kind !== 'refused' || answer.reason === 'unknown') return facts;
  return [...facts, `${subject}refusal = ${answer.reason}`];
}

/** Returns the status for a slow callee. Over gRPC, the deadline of the caller or that of a proxy may pass first. */
function slowFacts(outcome: Outcome, subject: string, { request }: Probe): string[] {
  const isGivenUp = isRefused(outcome.answer) || (outcome.status ?? 0) >= 500;
  return request.protocol === 'grpc' && isGivenUp
    ? [`${subject}status = 503|504|timeout`]
    : statusFacts(outcome, subject);
}

/** Returns facts about what the callee received, for the kinds of differences that were found. */
function contentFacts(
  { received, answerHeaders }: Outcome,
  subject: string,
  differences: readonly Difference[],
): string[] {
  const texts = differences.flatMap(({ kind, from }) => {
    const name = /^\S+(?: gets)? ([^:\s]+):/.exec(from)?.[1] ?? '';
    if (kind === 'answer_header')
      return answerHeaders === undefined ? [] : headerFact(`${subject}answer-header`, name, answerHeaders[name]);
    return received === undefined ? [] : receivedFact(kind, received, subject, name);
  });
  return [...new Set(texts)];
}

function receivedFact(kind: Difference['kind'], received: ReceivedCopy, subject: string, name: string): string[] {
  switch (kind) {
    case 'path':
      return [`${subject}uri = ${quoted(received.path)}`];
    case 'method':
      return [`${subject}method = ${received.method}`];
    case 'authority':
      return [`${subject}host = ${quoted(received.authority)}`];
    case 'mtls':
      if (received.tls !== undefined) return [`${subject}tls-version exists`];
      return [`${subject}mtls = ${received.isMutualTls === true ? 'yes' : 'no'}`];
    case 'identity':
      return received.identity === undefined ? [`${subject}mtls = no`] : [`${subject}peer = ${received.identity}`];
    case 'server_name':
      return tlsFact(subject, 'sni', received.tls?.serverName);
    case 'certificate':
      return tlsFact(subject, 'tls-peer', received.tls?.certificate);
    case 'request_header':
      return headerFact(`${subject}header`, name, received.headers[name]);
    default:
      return [];
  }
}

function tlsFact(subject: string, fact: string, value: string | undefined): string[] {
  return [value === undefined ? `${subject}${fact} exists = 0` : `${subject}${fact} = ${quoted(value)}`];
}

function headerFact(subject: string, name: string, value: string | undefined): string[] {
  // Replies hide the values of secret headers, but not that a request has them.
  if (value === undefined || value === redacted)
    return [`${subject} ${name} exists${value === undefined ? ' = 0' : ''}`];
  return [`${subject} ${name} = ${quoted(value)}`];
}

/** Returns a value as an expectation has it. */
function quoted(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** Standard deviations by which a share may differ from the expected one: chance exceeds them once in a million. */
const tolerance = 5;

/** Part of the requests that may fail on a busy machine without being a share. */
const strayPart = 0.02;

function sharesFacts(
  { outcomes }: Observation,
  subject: string,
  { count, configured }: Extract<ProbeMode, { kind: 'shares' }>,
): WrittenExpectations {
  const sent = outcomes.reduce((sum, outcome) => sum + outcome.count, 0);
  const kept = outcomes.filter((outcome) => !isRefused(outcome.answer) || outcome.count > strayPart * sent);
  const all = kept.reduce((sum, outcome) => sum + outcome.count, 0);
  const isByVersion = kept.every(({ answer }) => answer.kind === 'service' && answer.version);
  const shares = new Map<string, number>();
  for (const { answer, status, count: times } of kept) {
    const value = isByVersion && answer.kind === 'service' ? answer.version : status;
    const fact = `${subject}${isByVersion ? 'version' : 'status'} ${value}`;
    if (value !== undefined) shares.set(fact, (shares.get(fact) ?? 0) + times);
  }
  const expect = [...shares].map(([fact, times]) => {
    if (times === all) return fact.replace(/ (\S+)$/, ' = $1');
    const seen = (100 * times) / all;
    const deviationOf = (percent: number): number => Math.sqrt((percent * (100 - percent)) / count);
    const near = configured.find((percent) => percent > 0 && Math.abs(percent - seen) <= 4 * deviationOf(percent));
    // What was seen once has a deviation of its own.
    const allowed = near === undefined ? tolerance * Math.SQRT2 * deviationOf(seen) : tolerance * deviationOf(near);
    return `${fact} = ${Number((near ?? Math.round(seen)).toFixed(1))}% ± ${Math.ceil(allowed)}%`;
  });
  return found(expect, count);
}

/** Returns a bound of the time, if both sides end at clearly different times. */
function latencyFacts(seen: Observation, other: Observation | undefined, subject: string): string[] {
  if (other === undefined) return [];
  const [shorter, longer] = [seen.durationMs, other.durationMs].toSorted((a, b) => a - b);
  if (shorter === undefined || longer === undefined || longer - shorter < leastDistanceMs) return [];
  const middleMs = Math.round((shorter + longer) / 2);
  return [`${subject}latency ${seen.durationMs === shorter ? `max < ${middleMs}ms` : `min > ${middleMs}ms`}`];
}

/** Distance of two times that a case can tell apart on a busy machine, in milliseconds. */
const leastDistanceMs = 200;

function burstFacts(seen: Observation, other: Observation | undefined, subject: string): WrittenExpectations {
  const overflows = ({ outcomes }: Observation): number =>
    outcomes
      .filter(({ answer }) => answer.kind === 'refused' && answer.reason === 'overflow')
      .reduce((sum, { count }) => sum + count, 0);
  const hasRefusals = overflows(seen) > 0;
  if (other !== undefined && overflows(other) > 0 === hasRefusals)
    return { kind: 'none', reason: 'the limits of both sides refuse requests' };
  return found([`${subject}refusal overflow ${hasRefusals ? '>' : '='} 0%`]);
}
