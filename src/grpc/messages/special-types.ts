/** Types with a JSON of their own (protobuf.dev, "ProtoJSON Format"). */

/** Greatest number of seconds in a duration (google/protobuf/duration.proto): 10,000 years. */
const maxDurationSeconds = 315_576_000_000;

/** Years 1 to 9999, in seconds since 1970 (google/protobuf/timestamp.proto). */
const minTimestampSeconds = -62_135_596_800;
const maxTimestampSeconds = 253_402_300_799;

const maxNanos = 999_999_999;

type Fields = Readonly<Record<string, unknown>>;

/** Reports whether a type holds one value, which is its JSON. */
export function isWrapper(type: string): boolean {
  return /^\.google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/.test(type);
}

/** Returns the fields of a message whose JSON is not an object, or undefined if its JSON has no special form. */
export function specialFromJson(type: string, value: unknown): Fields | undefined {
  if (typeof value !== 'string') return undefined;
  switch (type) {
    case '.google.protobuf.Timestamp':
      return timestampOf(value);
    case '.google.protobuf.Duration':
      return durationOf(value);
    default:
      return undefined;
  }
}

/** Returns the JSON of a message, or undefined if it has no special form. */
export function specialToJson(type: string, { seconds = 0, nanos = 0 }: Fields): string | undefined {
  switch (type) {
    case '.google.protobuf.Timestamp':
      return timestampText(Number(seconds), Number(nanos));
    case '.google.protobuf.Duration':
      return durationText(Number(seconds), Number(nanos));
    default:
      return undefined;
  }
}

const timestamp = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/i;

function timestampOf(text: string): Fields | undefined {
  const [, date, fraction = ''] = timestamp.exec(text) ?? [];
  if (date === undefined || !isDate(date)) return undefined;
  const seconds = Date.parse(fraction === '' ? text : text.replace(`.${fraction}`, '')) / 1000;
  if (!isTimestamp(seconds)) return undefined;
  return { seconds: String(seconds), nanos: Number(fraction.padEnd(9, '0')) };
}

/** Reports whether a month has the day. JavaScript takes 31 February as 3 March. */
function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isTimestamp(seconds: number): boolean {
  return seconds >= minTimestampSeconds && seconds <= maxTimestampSeconds;
}

function timestampText(seconds: number, nanos: number): string | undefined {
  if (!isTimestamp(seconds) || nanos < 0 || nanos > maxNanos) return undefined;
  return new Date(seconds * 1000).toISOString().replace('.000Z', `${fractionText(nanos)}Z`);
}

function durationOf(text: string): Fields | undefined {
  const [, sign = '', whole, fraction = ''] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text) ?? [];
  if (whole === undefined || Number(whole) > maxDurationSeconds) return undefined;
  return { seconds: sign + whole, nanos: Number(sign + fraction.padEnd(9, '0')) };
}

function durationText(seconds: number, nanos: number): string | undefined {
  const isValid = Math.abs(seconds) <= maxDurationSeconds && Math.abs(nanos) <= maxNanos && seconds * nanos >= 0;
  if (!isValid) return undefined;
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fractionText(Math.abs(nanos))}s`;
}

/** Returns a fraction of a second with 0, 3, 6 or 9 digits. */
function fractionText(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.replace(/(?:000){1,2}$/, '')}`;
}
