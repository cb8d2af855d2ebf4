import { MeshmockError } from '../error/meshmock-error.ts';
import { parseDurationMs, parseSizeBytes } from '../plan/quantity.ts';

/** Accepts any text. */
export const text = (value: string): string => value;

/** Parses the name of a service, version, pod or zone. @throws MeshmockError `usage` */
export function label(value: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(value)) return value;
  throw new MeshmockError('usage', `"${value}" is not a name: expected letters, digits, ".", "_" and "-"`);
}

/** Parses a duration, in milliseconds. @throws MeshmockError `usage` */
export function durationMs(value: string): number {
  const parsed = parseDurationMs(value);
  if (parsed !== undefined && parsed > 0) return parsed;
  throw new MeshmockError('usage', `"${value}" is not a duration such as 15s, 500ms or 2m`);
}

/** Parses a size, in bytes. @throws MeshmockError `usage` */
export function sizeBytes(value: string): number {
  const bytes = parseSizeBytes(value);
  if (bytes !== undefined) return bytes;
  throw new MeshmockError('usage', `"${value}" is not a size such as 10MB or 512KiB`);
}

/** Parses true or false. @throws MeshmockError `usage` */
export function yesOrNo(value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new MeshmockError('usage', `"${value}": expected true or false`);
}

/** Returns a parser of whole numbers within bounds. @throws MeshmockError `usage` */
export function wholeNumber(least: number, most: number): (value: string) => number {
  return (value) => {
    if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    throw new MeshmockError('usage', `"${value}" is not a whole number from ${least} to ${most}`);
  };
}
