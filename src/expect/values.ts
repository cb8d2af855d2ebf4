import { parseDurationMs } from '../plan/quantity.ts';
import { answerers, callErrorCodes, refusalReasons } from '../reply/reply.ts';
import type { Amount, Fact } from './expectation.ts';

/** Parses a number with a unit. Returns undefined if the text is not such a number. */
export function parseNumber(unit: Amount['unit'], text: string): number | undefined {
  switch (unit) {
    case 'percent':
      return /^\d{1,3}(?:\.\d{1,3})?%$/.test(text) && Number.parseFloat(text) <= 100
        ? Number.parseFloat(text)
        : undefined;
    case 'ms':
      return parseDurationMs(text);
    case 'calls':
      return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  }
}

/** Checks the value of a fact. Returns a description of the expected value, or undefined if the value is right. */
export function valueProblem(fact: Fact, value: string): string | undefined {
  switch (fact) {
    case 'status':
      return /^(?:[1-5](?:\d\d|xx)|600)$/.test(value) || callErrorCodes.some((code) => code === value)
        ? undefined
        : `a status such as 503 or 5xx, or one of ${callErrorCodes.join(', ')}`;
    case 'attempt':
      return /^[1-9]\d{0,3}$/.test(value) ? undefined : 'the number of an attempt, from 1';
    case 'chunks':
    case 'events':
      return /^\d{1,9}$/.test(value) ? undefined : `the number of ${fact}`;
    case 'mtls':
    case 'sampled':
      return value === 'yes' || value === 'no' ? undefined : 'yes or no';
    case 'answered-by':
      return oneOfProblem(answerers, value);
    case 'refusal':
      return oneOfProblem([...refusalReasons, 'none'], value);
    case 'version':
    case 'pod':
    case 'peer':
      return /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/.test(value) ? undefined : `the value of a ${fact}`;
  }
}

function oneOfProblem(known: readonly string[], value: string): string | undefined {
  return known.includes(value) ? undefined : `one of ${known.join(', ')}`;
}
