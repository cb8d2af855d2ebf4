import type { DifferenceKind, Outcome, ReceivedCopy } from '../model.ts';
import type { BareDifference } from './bare-difference.ts';
import { differingNames } from './compared-headers.ts';

/** Compares what the callee received and what the caller got back, for two answers of the same destination. */
export function compareContents(old: Outcome, changed: Outcome): BareDifference[] {
  return [
    ...compareReceived(old.received, changed.received),
    ...headerDifferences('answer_header', 'answer', old.answerHeaders, changed.answerHeaders),
  ];
}

function compareReceived(old: ReceivedCopy | undefined, changed: ReceivedCopy | undefined): BareDifference[] {
  if (old === undefined || changed === undefined) return [];
  return [
    ...textDifference('path', 'callee gets ', old.path, changed.path),
    ...textDifference('method', 'callee gets ', old.method, changed.method),
    ...textDifference('authority', 'callee gets host ', old.authority, changed.authority),
    ...headerDifferences('request_header', 'callee gets', old.headers, changed.headers),
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
  if (old.identity === changed.identity) return [];
  return [{ kind: 'identity', from: `identity ${old.identity ?? 'none'}`, to: changed.identity ?? 'none' }];
}

function tlsText({ isMutualTls }: ReceivedCopy): string {
  return isMutualTls === true ? 'mTLS' : 'plain text';
}

function headerDifferences(
  kind: 'request_header' | 'answer_header',
  title: string,
  old: Readonly<Record<string, string>> | undefined,
  changed: Readonly<Record<string, string>> | undefined,
): BareDifference[] {
  if (old === undefined || changed === undefined) return [];
  return differingNames(old, changed).map((name) => ({
    kind,
    from: `${title} ${name}: ${old[name] ?? 'none'}`,
    to: changed[name] ?? 'none',
  }));
}
