import { didYouMean } from '../error/suggestion.ts';
import type { Cursor } from './cursor.ts';
import * as fields from './fields.ts';
import type { CallOptions } from './plan.ts';
import { parseDurationMs } from './quantity.ts';

const fieldOfOption = {
  timeout: 'timeoutMs',
  method: 'method',
  retries: 'retries',
  concurrency: 'concurrency',
  http2: 'http2',
  body: 'body',
} as const;

/**
 * Parses `name=value` or `name` at the cursor, which is after `;`, and adds it to the options.
 *
 * @throws MeshmockError `invalid_plan`
 */
export function parseOption(cursor: Cursor, options: CallOptions): CallOptions {
  const start = cursor.offset;
  const name = cursor.takeWhile(/[a-z0-9-]+/y);
  if (!isOptionName(name)) {
    const names = Object.keys(fieldOfOption);
    throw cursor.error(`an option: ${names.join(', ')}`, start, didYouMean(name, names));
  }
  if (options[fieldOfOption[name]] !== undefined) throw cursor.error(`another option: ${name} is set already`, start);
  if (name === 'http2') return { ...options, http2: true };
  if (name === 'body') return { ...options, body: true };
  if (!cursor.take('=')) throw cursor.error(`"=" and a value for ${name}`);
  const at = cursor.offset;
  const value = cursor.takeWhile(/[A-Za-z0-9._-]+/y);
  switch (name) {
    case 'timeout':
      return { ...options, timeoutMs: cursor.check(parseDurationMs(value) ?? Number.NaN, fields.timeoutProblem, at) };
    case 'method':
      return { ...options, method: cursor.check(value, fields.methodProblem, at) };
    case 'retries':
      return { ...options, retries: cursor.check(wholeNumber(value, 4), fields.retriesProblem, at) };
    case 'concurrency':
      return { ...options, concurrency: cursor.check(wholeNumber(value, 4), fields.concurrencyProblem, at) };
  }
}

function isOptionName(name: string): name is keyof typeof fieldOfOption {
  return Object.hasOwn(fieldOfOption, name);
}

/** Parses a whole number with at most `digits` digits. Returns NaN for any other text. */
export function wholeNumber(text: string, digits: number): number {
  return /^\d+$/.test(text) && text.length <= digits ? Number(text) : Number.NaN;
}
