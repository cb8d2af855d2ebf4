import { Cursor } from './cursor.ts';
import * as fields from './fields.ts';
import { checkCallCount, countCalls } from './measure.ts';
import { parseDirective } from './parse-directive.ts';
import { parseHeader } from './parse-header.ts';
import { parseOption } from './parse-option.ts';
import { parseNumber, parseTarget } from './parse-target.ts';
import {
  type Call,
  type CallOptions,
  type Directive,
  defaultPlanLimits,
  type Header,
  maxPlanDepth,
  noLimits,
  type Plan,
  type PlanLimits,
  type Scheme,
  type Stage,
} from './plan.ts';
import { tcpCallWithPlan, tcpTextExpected } from './tcp-text.ts';

/**
 * Parses a path of the path language into a plan. docs/path-language.md has the grammar.
 * The time is linear in the length of the text, for any text.
 *
 * @example
 * parsePath('/@a|b/x'); // calls a and b at once, both with /x
 *
 * @throws MeshmockError `invalid_plan` with the offset and the expected text, or `limit_exceeded` at the call that is
 *   too deep or one too many
 */
export function parsePath(text: string, limits: PlanLimits = defaultPlanLimits): Plan {
  const cursor = new Cursor(text);
  return new PlanParser(cursor, limits).parse();
}

/**
 * Parses directives without calls or a path.
 *
 * @example
 * parseDirectives('/~delay=200ms/~status=503:0.1');
 *
 * @throws MeshmockError `invalid_plan` or `limit_exceeded`, with the offset
 */
export function parseDirectives(text: string, limits: PlanLimits = defaultPlanLimits): readonly Directive[] {
  const cursor = new Cursor(text);
  const directives = new PlanParser(cursor, limits).directives(false);
  if (directives.length > 0 && cursor.atEnd) return directives;
  throw cursor.error('only directives, such as /~delay=200ms/~status=503:0.1');
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
  private hasTcp = false;
  /** Offset of each call. It is only recorded to place an error. */
  private offsets: Map<Call, number> | undefined;

  constructor(cursor: Cursor, limits: PlanLimits) {
    this.cursor = cursor;
    this.limits = limits;
    this.maxDepth = Math.min(limits.maxDepth, maxPlanDepth);
  }

  /** Parses the text up to its end. */
  parse(): Plan {
    const plan = this.plan(0, false);
    if (!this.cursor.atEnd) throw this.cursor.error('"/", "," or "|"');
    if (countCalls(plan) > this.limits.maxCalls || (this.hasTcp && tcpCallWithPlan(plan) !== undefined))
      new PlanParser(new Cursor(this.cursor.text), noLimits).throwAtWrongCall(this.limits);
    return plan;
  }

  /** Parses a plan with a wrong call again, to find the place for the error. Valid plans need no offsets. */
  private throwAtWrongCall(limits: PlanLimits): void {
    const offsets = new Map<Call, number>();
    this.offsets = offsets;
    const plan = this.plan(0, false);
    checkCallCount(plan, limits, (call, expected) => ({
      place: { text: this.cursor.text, offset: offsets.get(call) ?? 0, expected },
    }));
    const call = tcpCallWithPlan(plan);
    if (call !== undefined) throw this.cursor.error(tcpTextExpected, offsets.get(call));
  }

  /** Parses a chain of groups in a loop. Only a continuation in parentheses takes more of the stack. */
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
    } while (last === undefined && this.hasMore(nested));
    return levels.reduceRight<Plan | undefined>((then, level) => ({ kind: 'calls', ...level, then }), last) as Plan;
  }

  private hasMore(nested: boolean): boolean {
    if (this.cursor.atEnd) return false;
    if (nested && this.cursor.peek() === ')') return false;
    if (this.cursor.peek() === '/') return true;
    if (this.cursor.peek() === '?')
      throw this.cursor.error('"/" before the query: the path of the callee begins with a slash');
    throw this.cursor.error('"/", "," or "|"');
  }

  directives(nested: boolean): Directive[] {
    const directives: Directive[] = [];
    while (this.takeStart('~')) directives.push(parseDirective(this.cursor, nested, this.limits));
    return directives;
  }

  /** Moves past `/@` or `/~`, maybe with a second slash: an ingress that rewrites a prefix leaves two. */
  private takeStart(mark: '@' | '~'): boolean {
    const end = this.cursor.offsetAfter(`/${mark}`) ?? this.cursor.offsetAfter(`//${mark}`);
    if (end === undefined) return false;
    this.cursor.offset = end;
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
      throw cursor.error('a visible ASCII character; encode any other with %', start + slashWidth - 1 + bad);
    cursor.offset = end;
    return uri;
  }

  /** Returns the offset where a URI in parentheses ends. The parentheses inside the URI must balance. */
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
    // Each call is made at least once, so the limit is exceeded without parsing the rest.
    if (++this.calls > this.limits.maxCalls) throw this.cursor.limitError(`at most ${this.limits.maxCalls} calls`);
    const start = this.cursor.offset;
    const { scheme, host, port } = parseTarget(this.cursor);
    if (scheme === 'tcp') this.hasTcp = true;
    const times = this.cursor.take('*') ? parseNumber(this.cursor, 9, fields.timesProblem) : 1;
    const headers: Header[] = [];
    let options: CallOptions = {};
    for (;;) {
      if (this.cursor.peek() === '[') headers.push(this.header(scheme));
      else if (this.cursor.take(';')) options = this.option(scheme, options);
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

  private option(scheme: Scheme, options: CallOptions): CallOptions {
    const start = this.cursor.offset;
    const parsed = parseOption(this.cursor, options);
    this.cursor.check(parsed.method, (method) => fields.callMethodProblem(scheme, method), start);
    this.cursor.check(parsed.http2, (http2) => fields.http2Problem(scheme, http2), start);
    this.cursor.check(parsed.body, (body) => fields.passBodyProblem(scheme, body), start);
    return parsed;
  }

  private ownContinuation(depth: number): Plan | undefined {
    const { cursor } = this;
    if (!cursor.take('(')) return undefined;
    if (cursor.peek() !== '/') throw cursor.error('"/" at the start of the continuation in parentheses');
    const plan = this.plan(depth, true);
    if (!cursor.take(')')) throw cursor.error('")"');
    return plan;
  }
}
