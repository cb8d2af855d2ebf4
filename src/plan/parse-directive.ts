import { type Cursor, decodeStructure } from './cursor.ts';
import { attemptProblem, labelProblem, oneInProblem, percentilesProblem, shareProblem, statusProblem } from './fields.ts';
import { decodePercent, parseHeader } from './parse-header.ts';
import { type Behaviour, type Condition, type Delay, type Directive, grpcStatusNames } from './plan.ts';
import { parseDurationMs, parseSizeBytes } from './quantity.ts';

export const directiveNames = ['delay', 'status', 'grpc-status', 'close', 'hang', 'size', 'body', 'header', 'cpu', 'memory'] as const;

type DirectiveName = (typeof directiveNames)[number];

/**
 * Reads `name[=value]*(:condition)`, the cursor standing behind `/~`.
 *
 * @throws MeshmockError `invalid_plan`
 */
export function parseDirective(cursor: Cursor, nested: boolean): Directive {
  const start = cursor.offset;
  const word = cursor.takeWhile(/[a-z-]+/y);
  const name = directiveNames.find((known) => known === word);
  if (name === undefined) throw cursor.fail(`a directive: ${directiveNames.join(', ')}`, start);
  const behaviour = parseBehaviour(cursor, name, nested);
  const conditions: Condition[] = [];
  while (cursor.take(':')) conditions.push(parseCondition(cursor, nested));
  if (!cursor.atEnd && cursor.peek() !== '/' && !(nested && cursor.peek() === ')')) {
    throw cursor.fail('":" and a condition, or "/"');
  }
  return { ...behaviour, conditions };
}

function parseBehaviour(cursor: Cursor, name: DirectiveName, nested: boolean): Behaviour {
  if (name === 'close' || name === 'hang') return { kind: name };
  if (name === 'header') {
    if (cursor.peek() !== '[') throw cursor.fail('"[" and a header such as [name=value]');
    return { kind: name, header: parseHeader(cursor) };
  }
  if (!cursor.take('=')) throw cursor.fail(`"=" and a value for ${name}`);
  const at = cursor.offset;
  if (name === 'body') return { kind: name, text: takeBody(cursor, nested) };
  const value = takeValue(cursor, nested);
  switch (name) {
    case 'delay':
      return { kind: name, delay: parseDelay(cursor, value, at) };
    case 'cpu': {
      const durationMs = parseDurationMs(value);
      if (durationMs === undefined) throw cursor.fail('a duration such as 50ms', at);
      return { kind: name, durationMs };
    }
    case 'status': {
      const status = /^\d{3}$/.test(value) ? Number(value) : Number.NaN;
      const problem = statusProblem(status);
      if (problem !== undefined) throw cursor.fail(problem, at);
      return { kind: name, status };
    }
    case 'grpc-status': {
      const grpcStatus = grpcStatusNames.find((known) => known === value);
      if (grpcStatus === undefined) throw cursor.fail(`a gRPC status such as ${grpcStatusNames[14]}`, at);
      return { kind: name, grpcStatus };
    }
    case 'size':
    case 'memory': {
      const bytes = parseSizeBytes(value);
      if (bytes === undefined) throw cursor.fail('a size such as 10KB or 1MiB', at);
      return { kind: name, bytes };
    }
  }
}

function parseDelay(cursor: Cursor, value: string, at: number): Delay {
  if (value.startsWith('p')) {
    const points = value.split(',').map((part) => {
      const match = /^p(\d{1,3}(?:\.\d{1,3})?)=(.*)$/.exec(part);
      return { percentile: Number(match?.[1] ?? Number.NaN), delayMs: parseDurationMs(match?.[2] ?? '') ?? Number.NaN };
    });
    const wrong = points.some((point) => Number.isNaN(point.delayMs));
    const problem = wrong ? 'percentiles such as p50=10ms,p99=1s' : percentilesProblem(points);
    if (problem !== undefined) throw cursor.fail(problem, at);
    return { kind: 'percentiles', points };
  }
  const [first, second, ...more] = value.split('-').map(parseDurationMs);
  if (first === undefined || more.length > 0) throw cursor.fail('a delay such as 100ms, 50ms-200ms or p50=10ms,p99=1s', at);
  if (!value.includes('-')) return { kind: 'fixed', delayMs: first };
  if (second === undefined || second < first) throw cursor.fail('a range such as 50ms-200ms', at);
  return { kind: 'uniform', minMs: first, maxMs: second };
}

function parseCondition(cursor: Cursor, nested: boolean): Condition {
  const at = cursor.offset;
  const text = takeValue(cursor, nested);
  const { condition, problem } = readCondition(text);
  if (condition === undefined || problem !== undefined) {
    throw cursor.fail(problem ?? 'a condition: 0.3, 1in3, attempt<3, attempt=1, version=v2, pod=NAME or zone=NAME', at);
  }
  return condition;
}

function readCondition(text: string): { condition?: Condition; problem?: string | undefined } {
  if (/^(?:\d{1,3}|\d?\.\d{1,6})$/.test(text)) {
    return { condition: { kind: 'share', share: Number(text) }, problem: shareProblem(Number(text)) };
  }
  const [, hits, of] = /^(\d{1,7})in(\d{1,7})$/.exec(text) ?? [];
  if (hits !== undefined && of !== undefined) {
    const condition = { kind: 'one-in', hits: Number(hits), of: Number(of) } as const;
    return { condition, problem: oneInProblem(condition.hits, condition.of) };
  }
  const [, name, sign, value = ''] = /^(attempt|version|pod|zone)(<|=)(.*)$/.exec(text) ?? [];
  switch (name) {
    case 'attempt': {
      const attempt = /^\d{1,4}$/.test(value) ? Number(value) : Number.NaN;
      return { condition: { kind: sign === '<' ? 'attempt-below' : 'attempt', attempt }, problem: attemptProblem(attempt) };
    }
    case 'version':
      return sign === '=' ? { condition: { kind: name, version: value }, problem: labelProblem(value) } : {};
    case 'pod':
      return sign === '=' ? { condition: { kind: name, pod: value }, problem: labelProblem(value) } : {};
    case 'zone':
      return sign === '=' ? { condition: { kind: name, zone: value }, problem: labelProblem(value) } : {};
    default:
      return {};
  }
}

/** A value without text of the user's: encoded structure means the same as plain. */
function takeValue(cursor: Cursor, nested: boolean): string {
  const start = cursor.offset;
  while (!cursor.atEnd && !endsValue(cursor.peek(), nested)) cursor.offset += cursor.width();
  return decodeStructure(cursor.text.slice(start, cursor.offset));
}

/** The user's text: only plain characters end it, encoded ones are data. */
function takeBody(cursor: Cursor, nested: boolean): string {
  const start = cursor.offset;
  const body = cursor.takeWhile(nested ? /[^/:)?#\s]+/y : /[^/:?#\s]+/y);
  if (cursor.peek() === '?' || cursor.peek() === '#') throw cursor.fail('":", "/" or the end (a "?" in a body is written %3F)');
  return body === '' ? '' : decodePercent(cursor, start, cursor.offset);
}

function endsValue(char: string, nested: boolean): boolean {
  return char === '/' || char === ':' || (nested && char === ')');
}

