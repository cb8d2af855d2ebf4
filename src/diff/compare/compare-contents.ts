import type { DifferenceKind } from '../difference.ts';
import type { Observation, Outcome, ReceivedCopy, ReceivedTls } from '../observation.ts';
import type { ChanceHeaders } from '../probe.ts';
import type { BareDifference } from './bare-difference.ts';
import { differingNames } from './compared-headers.ts';

/** Headers of which none is chosen by chance. */
const noChance: ChanceHeaders = { requests: [], answers: [] };

/** Compares what the callee received and what the caller got back, for two answers of the same destination. */
export function compareContents(
  old: Outcome,
  changed: Outcome,
  { requests, answers }: ChanceHeaders = noChance,
): BareDifference[] {
  return [
    ...compareReceived(old.received, changed.received, requests),
    ...headerDifferences('answer_header', 'answer', old.answerHeaders, changed.answerHeaders, answers),
  ];
}

/** Compares the headers of the answers of each destination that answered on both sides, whatever chance chose. */
export function answerHeaderDifferences(
  before: Observation,
  after: Observation,
  { answers }: ChanceHeaders = noChance,
): BareDifference[] {
  const keyOf = ({ answer, status }: Outcome): string => JSON.stringify([answer, status]);
  const earlier = new Map(before.outcomes.map((outcome) => [keyOf(outcome), outcome.answerHeaders]));
  const found = after.outcomes.flatMap((outcome) =>
    headerDifferences('answer_header', 'answer', earlier.get(keyOf(outcome)), outcome.answerHeaders, answers),
  );
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
}

function compareReceived(
  old: ReceivedCopy | undefined,
  changed: ReceivedCopy | undefined,
  byChance: readonly string[],
): BareDifference[] {
  if (old === undefined || changed === undefined) return [];
  return [
    ...textDifference('path', 'callee gets ', old.path, changed.path),
    ...textDifference('method', 'callee gets ', old.method, changed.method),
    ...(byChance.includes('host')
      ? []
      : textDifference('authority', 'callee gets host ', old.authority, changed.authority)),
    ...headerDifferences('request_header', 'callee gets', old.headers, changed.headers, byChance),
    ...connectionDifference(old, changed),
  ];
}

function textDifference(kind: DifferenceKind, title: string, from: string, to: string): BareDifference[] {
  return from === to ? [] : [{ kind, from: `${title}${from}`, to }];
}

/** Compares whether mutual TLS was used and whose identity the callee saw. */
function connectionDifference(old: ReceivedCopy, changed: ReceivedCopy): BareDifference[] {
  const isKnown = old.isMutualTls !== undefined && changed.isMutualTls !== undefined;
  if (isKnown && old.isMutualTls !== changed.isMutualTls)
    return [{ kind: 'mtls', from: tlsText(old), to: tlsText(changed) }];
  if (old.identity !== changed.identity)
    return [{ kind: 'identity', from: `identity ${old.identity ?? 'none'}`, to: changed.identity ?? 'none' }];
  return tlsDifferences(old.tls, changed.tls);
}

/** Compares what the client showed in TLS that the callee itself ended. */
function tlsDifferences(old: ReceivedTls | undefined, changed: ReceivedTls | undefined): BareDifference[] {
  if (old === undefined || changed === undefined)
    return old === changed ? [] : [{ kind: 'mtls', from: `callee gets ${plainOrTls(old)}`, to: plainOrTls(changed) }];
  const names = { server_name: 'callee gets the name in TLS', certificate: 'callee gets a certificate of' } as const;
  const difference = (kind: keyof typeof names, from = 'none', to = 'none'): BareDifference[] =>
    from === to ? [] : [{ kind, from: `${names[kind]}: ${from}`, to }];
  return [
    ...difference('server_name', old.serverName, changed.serverName),
    ...difference('certificate', old.certificate, changed.certificate),
  ];
}

function plainOrTls(tls: ReceivedTls | undefined): string {
  return tls === undefined ? 'plain text' : 'TLS';
}

function tlsText({ isMutualTls }: ReceivedCopy): string {
  return isMutualTls === true ? 'mTLS' : 'plain text';
}

function headerDifferences(
  kind: 'request_header' | 'answer_header',
  title: string,
  old: Readonly<Record<string, string>> | undefined,
  changed: Readonly<Record<string, string>> | undefined,
  byChance: readonly string[],
): BareDifference[] {
  if (old === undefined || changed === undefined) return [];
  const names = differingNames(old, changed).filter((name) => !byChance.includes(name));
  return names.map((name) => ({
    kind,
    from: `${title} ${name}: ${old[name] ?? 'none'}`,
    to: changed[name] ?? 'none',
  }));
}
