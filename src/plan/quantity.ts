const durationUnitsMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

/** Longest duration in a plan: one day, in milliseconds. */
export const longestDurationMs = 86_400_000;
/** Largest size in a plan, in bytes: a uint32 of protobuf. */
export const largestSizeBytes = 4_294_967_295;

/**
 * Parses a duration with the unit `us`, `ms`, `s` or `m`. Returns milliseconds with a precision of a microsecond, or
 * undefined if the text is not a duration.
 *
 * @example
 * parseDurationMs('1.5s'); // 1500
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|m)$/.exec(text);
  const unitMs = durationUnitsMs[match?.[2] ?? ''];
  if (match === null || unitMs === undefined) return undefined;
  const durationMs = toMicroseconds(Number(match[1]) * unitMs);
  return durationMs <= longestDurationMs ? durationMs : undefined;
}

/** Returns the shortest text that `parseDurationMs` parses into this duration. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs > 0 && durationMs % 1000 === 0) return `${durationMs / 1000}s`;
  return Number.isInteger(durationMs) ? `${durationMs}ms` : `${toMicroseconds(durationMs)}ms`;
}

/** Reports whether a duration is valid in a plan: not negative, at most a day, no finer than a microsecond. */
export function isDurationMs(value: number): boolean {
  return value >= 0 && value <= longestDurationMs && value === toMicroseconds(value);
}

/**
 * Parses a size with the unit `B`, `KB` (1000 bytes), `MB`, `GB`, `KiB` (1024 bytes), `MiB` or `GiB`. Returns whole
 * bytes, or undefined if the text is not a size.
 *
 * @example
 * parseSizeBytes('10KB'); // 10000
 */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d{1,10}(?:\.\d{1,6})?)(B|KB|MB|GB|KiB|MiB|GiB)$/.exec(text);
  const unit = sizeUnits[match?.[2] ?? ''];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return bytes <= largestSizeBytes ? bytes : undefined;
}

/** Returns the shortest text that `parseSizeBytes` parses into this size. */
export function formatSizeBytes(bytes: number): string {
  for (const unit of ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'KB']) {
    const size = sizeUnits[unit] ?? 1;
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

function toMicroseconds(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}
