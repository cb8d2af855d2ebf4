import { didYouMean } from '../error/suggestion.ts';
import { type Cursor, decodeStructure } from './cursor.ts';
import {
  answerHeaderNameProblem,
  answerHeaderValueProblem,
  attemptBelowProblem,
  attemptProblem,
  labelProblem,
  oneInProblem,
  partsProblem,
  percentilesProblem,
  shareProblem,
  statusProblem,
  trailerNameProblem,
} from './fields.ts';
import { behaviourLimitProblem } from './measure.ts';
import { decodePercent, parseHeader } from './parse-header.ts';
import { wholeNumber } from './parse-option.ts';
import {
  type Behaviour,
  type Condition,
  type Delay,
  type Directive,
  grpcStatusNames,
  type Pace,
  type PlanLimits,
} from './plan.ts';
import { parseDurationMs, parseSizeBytes } from './quantity.ts';

const directiveNames = [
  'delay',
  'status',
  'grpc-status',
  'close',
  'hang',
  'size',
  'body',
  'header',
  'chunks',
  'events',
  'trailer',
  'cpu',
  'memory',
] as const;

type DirectiveName = (typeof directiveNames)[number];

/**
 * Parses `name[=value]*(:condition)` at the cursor, which is after `/~`.
 *
 * @param nested whether the directive is in parentheses, where `)` ends it
 * @throws MeshmockError `invalid_plan`, or `limit_exceeded` at a value over a limit
 */
export function parseDirective(cursor: Cursor, nested: boolean, limits: PlanLimits): Directive {
  const start = cursor.offset;
  const word = cursor.takeWhile(/[a-z-]+/y);
  const name = directiveNames.find((known) => known === word);
  if (name === undefined) {
    throw cursor.error(`a directive: ${directiveNames.join(', ')}`, start, didYouMean(word, directiveNames));
  }
  const valueAt = cursor.offset + cursor.width();
  const behaviour = parseBehaviour(cursor, name, nested);
  const problem = behaviourLimitProblem(behaviour, limits);
  if (problem !== undefined) throw cursor.limitError(problem, valueAt);
  const conditions: Condition[] = [];
  while (cursor.take(':')) conditions.push(parseCondition(cursor, nested));
  if (!cursor.atEnd && cursor.peek() !== '/' && !(nested && cursor.peek() === ')')) {
    throw cursor.error('":" and a condition, or "/"');
  }
  return { ...behaviour, conditions };
}

function parseBehaviour(cursor: Cursor, name: DirectiveName, nested: boolean): Behaviour {
  switch (name) {
    case 'close':
    case 'hang':
      return { kind: name };
    case 'header':
      if (cursor.peek() !== '[') throw cursor.error('"[" and a header such as [name=value]');
      return { kind: name, header: parseHeader(cursor, answerHeaderNameProblem, answerHeaderValueProblem) };
    case 'trailer':
      if (cursor.peek() !== '[') throw cursor.error('"[" and a trailer such as [name=value]');
      return { kind: name, header: parseHeader(cursor, trailerNameProblem) };
    case 'chunks':
    case 'events':
      takeEquals(cursor, name);
      return { kind: name, ...parsePace(cursor, nested) };
    case 'body':
      takeEquals(cursor, name);
      return { kind: name, text: takeBody(cursor, nested) };
    default:
      takeEquals(cursor, name);
      return parseWithValue(cursor, name, nested);
  }
}

function takeEquals(cursor: Cursor, name: DirectiveName): void {
  if (!cursor.take('=')) throw cursor.error(`"=" and a value for ${name}`);
}

function parseWithValue(
  cursor: Cursor,
  name: Exclude<DirectiveName, 'close' | 'hang' | 'header' | 'body' | 'chunks' | 'events' | 'trailer'>,
  nested: boolean,
): Behaviour {
  const at = cursor.offset;
  const value = takeValue(cursor, nested);
  switch (name) {
    case 'delay':
      return { kind: name, delay: parseDelay(cursor, value, at) };
    case 'cpu':
      return { kind: name, durationMs: required(parseDurationMs(value), cursor, at, 'a duration such as 50ms') };
    case 'status':
      return { kind: name, status: cursor.check(wholeNumber(value, 3), statusProblem, at) };
    case 'grpc-status': {
      const known = grpcStatusNames.find((status) => status === value);
      return {
        kind: name,
        grpcStatus: required(known, cursor, at, 'a gRPC status in upper case, such as UNAVAILABLE'),
      };
    }
    case 'size':
    case 'memory':
      return { kind: name, bytes: required(parseSizeBytes(value), cursor, at, 'a size such as 10KB or 1MiB') };
  }
}

/** Parses `COUNT/INTERVAL`. The interval is never left out, so the slash does not end the directive. */
function parsePace(cursor: Cursor, nested: boolean): Pace {
  const at = cursor.offset;
  const count = cursor.check(wholeNumber(takeValue(cursor, nested), 4), partsProblem, at);
  if (!cursor.take('/')) throw cursor.error('"/" and the time between two parts, such as 10/100ms');
  const intervalAt = cursor.offset;
  const expected = 'a duration such as 100ms';
  return { count, intervalMs: required(parseDurationMs(takeValue(cursor, nested)), cursor, intervalAt, expected) };
}

function required<T>(value: T | undefined, cursor: Cursor, at: number, expected: string): T {
  if (value === undefined) throw cursor.error(expected, at);
  return value;
}

function parseDelay(cursor: Cursor, value: string, at: number): Delay {
  if (value.startsWith('p')) {
    const points = value.split(',').map((part) => {
      const match = /^p(\d{1,3}(?:\.\d{1,3})?)=(.*)$/.exec(part);
      return { percentile: Number(match?.[1] ?? Number.NaN), delayMs: parseDurationMs(match?.[2] ?? '') ?? Number.NaN };
    });
    const wrong = points.some((point) => Number.isNaN(point.delayMs));
    const problem = wrong ? 'percentiles such as p50=10ms,p99=1s' : percentilesProblem(points);
    if (problem !== undefined) throw cursor.error(problem, at);
    return { kind: 'percentiles', points };
  }
  const [first, second, ...more] = value.split('-').map(parseDurationMs);
  if (first === undefined || more.length > 0)
    throw cursor.error('a delay such as 100ms, 50ms-200ms or p50=10ms,p99=1s', at);
  if (!value.includes('-')) return { kind: 'fixed', delayMs: first };
  if (second === undefined || second < first) throw cursor.error('a range that rises, such as 50ms-200ms', at);
  return { kind: 'uniform', minMs: first, maxMs: second };
}

function parseCondition(cursor: Cursor, nested: boolean): Condition {
  const at = cursor.offset;
  const text = takeValue(cursor, nested);
  const read = readCondition(text);
  if (read === undefined || read.problem !== undefined) {
    throw cursor.error(
      read?.problem ?? 'a condition: 0.3, 1in3, attempt<3, attempt=1, version=v2, pod=NAME or zone=NAME',
      at,
    );
  }
  return read.condition;
}

/** Condition with the problem of its value, if it has one. */
interface ReadCondition {
  readonly condition: Condition;
  readonly problem: string | undefined;
}

/** Returns undefined if the text does not have the form of a condition. */
function readCondition(text: string): ReadCondition | undefined {
  if (/^(?:\d{1,3}|\d?\.\d{1,6})$/.test(text)) {
    return { condition: { kind: 'share', share: Number(text) }, problem: shareProblem(Number(text)) };
  }
  const [, hits, of] = /^(\d{1,7})in(\d{1,7})$/.exec(text) ?? [];
  if (hits !== undefined && of !== undefined) {
    const condition = { kind: 'one-in', hits: Number(hits), of: Number(of) } as const;
    return { condition, problem: oneInProblem(condition.hits, condition.of) };
  }
  const [, sign, number] = /^attempt(<|=)(\d{1,4})$/.exec(text) ?? [];
  if (sign !== undefined) {
    const attempt = Number(number);
    return {
      condition: { kind: sign === '<' ? 'attempt-below' : 'attempt', attempt },
      problem: sign === '<' ? attemptBelowProblem(attempt) : attemptProblem(attempt),
    };
  }
  const [, name, value = ''] = /^(version|pod|zone)=(.*)$/.exec(text) ?? [];
  return name === undefined ? undefined : { condition: labelCondition(name, value), problem: labelProblem(value) };
}

function labelCondition(name: string, value: string): Condition {
  if (name === 'version') return { kind: 'version', version: value };
  return name === 'pod' ? { kind: 'pod', pod: value } : { kind: 'zone', zone: value };
}

/** Reads a value that is not free text: encoded structural characters mean the same as plain ones. */
function takeValue(cursor: Cursor, nested: boolean): string {
  const start = cursor.offset;
  while (!cursor.atEnd && !endsValue(cursor.peek(), nested)) cursor.offset += cursor.width();
  return decodeStructure(cursor.text.slice(start, cursor.offset));
}

/** Reads free text: only plain structural characters end it, encoded ones are data. */
function takeBody(cursor: Cursor, nested: boolean): string {
  const start = cursor.offset;
  const body = cursor.takeWhile(nested ? /[^/:)?#\s]+/y : /[^/:?#\s]+/y);
  if (cursor.peek() === '?' || cursor.peek() === '#')
    throw cursor.error('":", "/" or the end; write "?" and "#" in a body as %3F and %23');
  return body === '' ? '' : decodePercent(cursor, start, cursor.offset);
}

function endsValue(char: string, nested: boolean): boolean {
  return char === '/' || char === ':' || (nested && char === ')');
}
