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

/** No duration in a plan may be longer (a day, in ms) and no size larger (protobuf's uint32). */
export const longestDurationMs = 86_400_000;
export const largestSizeBytes = 4_294_967_295;

/** Reads `100ms`, `1.5s`, `250us`, `2m`. Gives milliseconds to a microsecond's precision, undefined if it is no duration. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|m)$/.exec(text);
  const unitMs = durationUnitsMs[match?.[2] ?? ''];
  if (match === null || unitMs === undefined) return undefined;
  const durationMs = toMicroseconds(Number(match[1]) * unitMs);
  return durationMs <= longestDurationMs ? durationMs : undefined;
}

/** The shortest text that `parseDurationMs` reads as this many milliseconds. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs > 0 && durationMs % 1000 === 0) return `${durationMs / 1000}s`;
  return Number.isInteger(durationMs) ? `${durationMs}ms` : `${toMicroseconds(durationMs)}ms`;
}

/** Whether this can stand in a plan: not negative, at most a day, no finer than a microsecond. */
export function isDurationMs(value: number): boolean {
  return value >= 0 && value <= longestDurationMs && value === toMicroseconds(value);
}

/** Reads `10KB` (1000 bytes a KB), `1MiB` (1024 KiB), `512B`. Gives whole bytes, undefined if it is no size. */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d{1,10}(?:\.\d{1,6})?)(B|KB|MB|GB|KiB|MiB|GiB)$/.exec(text);
  const unit = sizeUnits[match?.[2] ?? ''];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return bytes <= largestSizeBytes ? bytes : undefined;
}

/** The shortest text that `parseSizeBytes` reads as this many bytes. */
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
