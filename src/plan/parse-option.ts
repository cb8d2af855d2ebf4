import type { Cursor } from './cursor.ts';
import * as fields from './fields.ts';
import type { CallOptions } from './plan.ts';
import { parseDurationMs } from './quantity.ts';

const keyOfOption = {
  timeout: 'timeoutMs',
  method: 'method',
  retries: 'retries',
  concurrency: 'concurrency',
} as const;

/**
 * Reads `name=value`, the cursor standing behind `;`, and adds it to the options there are.
 *
 * @throws MeshmockError `invalid_plan`
 */
export function parseOption(cursor: Cursor, options: CallOptions): CallOptions {
  const start = cursor.offset;
  const name = cursor.takeWhile(/[a-z-]+/y);
  if (!isOptionName(name)) throw cursor.error(`an option: ${Object.keys(keyOfOption).join(', ')}`, start);
  if (options[keyOfOption[name]] !== undefined) throw cursor.error(`${name} once`, start);
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

function isOptionName(name: string): name is keyof typeof keyOfOption {
  return Object.hasOwn(keyOfOption, name);
}

/** A number of at most so many digits; NaN for anything else. */
export function wholeNumber(text: string, digits: number): number {
  return /^\d+$/.test(text) && text.length <= digits ? Number(text) : Number.NaN;
}
