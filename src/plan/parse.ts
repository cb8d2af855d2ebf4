import { Cursor } from './cursor.ts';
import * as fields from './fields.ts';
import { checkCallCount, countCalls } from './measure.ts';
import { parseDirective } from './parse-directive.ts';
import { parseHeader } from './parse-header.ts';
import { parseOption, wholeNumber } from './parse-option.ts';
import {
  type Call,
  type CallOptions,
  type Directive,
  defaultPlanLimits,
  defaultPorts,
  type Header,
  maxPlanDepth,
  noLimits,
  type Plan,
  type PlanLimits,
  type Scheme,
  type Stage,
  schemes,
} from './plan.ts';

/**
 * Reads a path of the plan language (the grammar is in the README).
 * Takes time linear in the length of the text, whatever it holds.
 *
 * @throws MeshmockError `invalid_plan` with the offset and what was expected there;
 *   `limit_exceeded` at the call that is too deep, or at the first call of a plan that makes too many.
 */
export function parsePath(text: string, limits: PlanLimits = defaultPlanLimits): Plan {
  const cursor = new Cursor(text);
  return new PlanParser(cursor, limits).whole();
}

/**
 * Reads directives alone, such as `/~delay=200ms/~status=503:0.1`.
 *
 * @throws MeshmockError as `parsePath` does
 */
export function parseDirectives(text: string, limits: PlanLimits = defaultPlanLimits): readonly Directive[] {
  const cursor = new Cursor(text);
  const directives = new PlanParser(cursor, limits).directives(false);
  if (directives.length > 0 && cursor.atEnd) return directives;
  throw cursor.error('directives alone, such as /~delay=200ms/~status=503:0.1');
}

interface Level {
  readonly directives: Directive[];
  readonly stages: Stage[];
}

class PlanParser {
  private readonly cursor: Cursor;
  private readonly limits: PlanLimits;
  private readonly maxDepth: number;
  private calls = 0;
  /** Where each call begins, when that is asked for. */
  private offsets: Map<Call, number> | undefined;

  constructor(cursor: Cursor, limits: PlanLimits) {
    this.cursor = cursor;
    this.limits = limits;
    this.maxDepth = Math.min(limits.maxDepth, maxPlanDepth);
  }

  /** Reads the text to its end. */
  whole(): Plan {
    const plan = this.plan(0, false);
    if (!this.cursor.atEnd) throw this.cursor.error('"/", "," or "|"');
    if (countCalls(plan) > this.limits.maxCalls)
      new PlanParser(new Cursor(this.cursor.text), noLimits).refuse(this.limits);
    return plan;
  }

  /** Reads once more, a plan that makes too many calls, to find the place: what is in order need not know places. */
  private refuse(limits: PlanLimits): void {
    const offsets = new Map<Call, number>();
    this.offsets = offsets;
    const plan = this.plan(0, false);
    checkCallCount(plan, limits, (call, expected) => ({
      place: { text: this.cursor.text, offset: offsets.get(call) ?? 0, expected },
    }));
  }

  /** A chain of groups is read in a loop; only a continuation in parentheses goes deeper into the stack. */
  private plan(depth: number, nested: boolean): Plan {
    const levels: Level[] = [];
    let last: Plan | undefined;
    do {
      const directives = this.directives(nested);
      if (this.takeStart('@')) {
        levels.push({ directives, stages: this.group(depth + levels.length + 1) });
      } else {
        last = { kind: 'answer', directives, uri: this.uri(directives.length > 0, nested) };
      }
    } while (last === undefined && this.goesOn(nested));
    return levels.reduceRight<Plan | undefined>((then, level) => ({ kind: 'calls', ...level, then }), last) as Plan;
  }

  private goesOn(nested: boolean): boolean {
    if (this.cursor.atEnd) return false;
    if (nested && this.cursor.peek() === ')') return false;
    if (this.cursor.peek() === '/') return true;
    if (this.cursor.peek() === '?')
      throw this.cursor.error('"/" before the query: what the callee gets begins with a slash');
    throw this.cursor.error('"/", "," or "|"');
  }

  directives(nested: boolean): Directive[] {
    const directives: Directive[] = [];
    while (this.takeStart('~')) directives.push(parseDirective(this.cursor, nested, this.limits));
    return directives;
  }

  /** Steps over `/@` or `/~`, also behind a second slash: an ingress that rewrites a prefix leaves two. */
  private takeStart(mark: '@' | '~'): boolean {
    const behind = this.cursor.offsetAfter(`/${mark}`) ?? this.cursor.offsetAfter(`//${mark}`);
    if (behind === undefined) return false;
    this.cursor.offset = behind;
    return true;
  }

  private uri(mayBeEmpty: boolean, nested: boolean): string {
    const { cursor } = this;
    const start = cursor.offset;
    if (cursor.atEnd || (nested && cursor.peek() === ')')) {
      if (mayBeEmpty) return '';
      throw cursor.error('"/"');
    }
    if (cursor.peek() !== '/') throw cursor.error('"/"');
    const slashWidth = cursor.width();
    const end = nested ? this.closingParenthesis() : cursor.text.length;
    const uri = `/${cursor.text.slice(start + slashWidth, end)}`;
    const bad = fields.badUriOffset(uri);
    if (bad >= 0)
      throw cursor.error('a visible character, anything else percent-encoded', start + slashWidth - 1 + bad);
    cursor.offset = end;
    return uri;
  }

  /** Where a URI in parentheses ends: parentheses of its own must balance. */
  private closingParenthesis(): number {
    const { cursor } = this;
    let open = 0;
    let offset = cursor.offset;
    while (offset < cursor.text.length) {
      const char = cursor.peek(offset);
      if (char === '(') open++;
      if (char === ')' && open-- === 0) return offset;
      offset += cursor.width(offset);
    }
    return offset;
  }

  private group(depth: number): Stage[] {
    if (depth > this.maxDepth) throw this.cursor.limitError(`at most ${this.maxDepth} calls in a chain`);
    const stages: Stage[] = [];
    do {
      const calls = [this.call(depth)];
      while (this.cursor.take('|')) calls.push(this.call(depth));
      stages.push(calls);
    } while (this.cursor.take(','));
    return stages;
  }

  private call(depth: number): Call {
    // Each call of the text is made at least once: no need to read on to know that they are too many.
    if (++this.calls > this.limits.maxCalls) throw this.cursor.limitError(`at most ${this.limits.maxCalls} calls`);
    const start = this.cursor.offset;
    const scheme = this.scheme();
    const host = this.host();
    const port = this.cursor.take(':') ? this.port(host) : defaultPorts[scheme];
    const times = this.cursor.take('*') ? this.number(9, fields.timesProblem) : 1;
    const headers: Header[] = [];
    let options: CallOptions = {};
    for (;;) {
      if (this.cursor.peek() === '[') headers.push(this.header(scheme));
      else if (this.cursor.take(';')) options = parseOption(this.cursor, options);
      else break;
    }
    const call = { scheme, host, port, times, headers, options, then: this.ownContinuation(depth) };
    this.offsets?.set(call, start);
    return call;
  }

  private header(scheme: Scheme): Header {
    const start = this.cursor.offset;
    const header = parseHeader(this.cursor);
    this.cursor.check(header.name, (name) => fields.callHeaderProblem(scheme, name), start);
    return header;
  }

  private scheme(): Scheme {
    const { cursor } = this;
    const start = cursor.offset;
    const word = cursor.takeWhile(/[a-z]+/y);
    const scheme = schemes.find((name) => name === word);
    if (scheme === undefined || !cursor.take(':')) {
      cursor.offset = start;
      return 'http';
    }
    if (cursor.peek() === '/') throw cursor.error(`a host directly behind "${scheme}:", without slashes`);
    const behind = cursor.offset;
    if (cursor.takeWhile(/\d+(?![A-Za-z0-9._-])/y) !== '') {
      throw cursor.error(
        `a host behind "${scheme}:" (a service of that name is written ${scheme}:${scheme}:PORT)`,
        behind,
      );
    }
    return scheme;
  }

  private host(): string {
    const { cursor } = this;
    const start = cursor.offset;
    if (cursor.take('[')) {
      const host = cursor.takeWhile(/[0-9A-Fa-f:.]+/y);
      if (!host.includes(':')) throw cursor.error('an IPv6 address', start);
      cursor.check(host, fields.hostProblem, start);
      if (!cursor.take(']')) throw cursor.error('"]" behind the IPv6 address');
      return host;
    }
    return cursor.check(cursor.takeWhile(/[A-Za-z0-9._-]+/y), fields.hostProblem, start);
  }

  private port(host: string): number {
    if (/^[a-z]$/i.test(this.cursor.peek())) {
      throw this.cursor.error(`a port, or one of ${schemes.join(', ')} in place of "${host}"`);
    }
    return this.number(5, fields.portProblem);
  }

  private number(digits: number, problemOf: (value: number) => string | undefined): number {
    const start = this.cursor.offset;
    return this.cursor.check(wholeNumber(this.cursor.takeWhile(/\d+/y), digits), problemOf, start);
  }

  private ownContinuation(depth: number): Plan | undefined {
    const { cursor } = this;
    if (!cursor.take('(')) return undefined;
    if (cursor.peek() !== '/') throw cursor.error('"/" at the start of what this call alone gets');
    const plan = this.plan(depth, true);
    if (!cursor.take(')')) throw cursor.error('")"');
    return plan;
  }
}
