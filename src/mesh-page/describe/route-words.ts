import { type Json, numberAt } from '../../diff/pieces/json.ts';
import { list } from './words.ts';

/** Says where copies of requests go. Their answers are dropped. */
export function copiesText(target: string, percent: number): string {
  return `send a copy of ${percent === 100 ? 'each' : `${percent} % of them`} to ${target}`;
}

/** Returns targets with their shares. */
export function weighted(targets: readonly { readonly name: string; readonly weight: number | undefined }[]): string {
  const total = targets.reduce((sum, { weight = targets.length === 1 ? 1 : 0 }) => sum + weight, 0);
  return list(
    targets.map(({ name, weight = targets.length === 1 ? 1 : 0 }) => {
      if (targets.length === 1 || total === 0) return name;
      return `${name} (${Math.round((weight / total) * 100)} %)`;
    }),
  );
}

export function faultPercent(fault: Json | undefined): number {
  return numberAt(fault, 'percentage', 'value') ?? numberAt(fault, 'percent') ?? 0;
}

/** Returns the requests that one of some matches is for, in words; undefined if it is for all. */
export function conditionOf(matches: readonly string[]): string | undefined {
  const isForAll = matches.some((text) => /^(?:any request|(?:path|uri) begins with "\/")$/.test(text));
  return isForAll || matches.length === 0 ? undefined : matches.join(', or whose ');
}
