import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { correct } from './correct.ts';
import { EdgeReader } from './edge-reader.ts';
import {
  type Amount,
  type Claim,
  type Comparison,
  claimWords,
  comparisons,
  type Expectation,
  type Fact,
  facts,
  type Statistic,
  statistics,
  times,
} from './expectation.ts';
import { isTextClaim, parseTextCondition, parseTextFact } from './parse-text.ts';
import { parseNumber, valueProblem } from './values.ts';

/** Facts whose values are numbers, which `<` and `>` can compare. */
const ordered: readonly Fact[] = ['status', 'attempt', 'chunks', 'events'];

/**
 * Parses an expectation.
 *
 * @example
 * parseExpectation('reviews version v2 = 10% ± 4%');
 *
 * @throws MeshmockError `usage` with the offset and the expected text, and a suggestion if a valid text is near
 */
export function parseExpectation(text: string): Expectation {
  const parsed = tryParse(text);
  if (!(parsed instanceof MeshmockError)) return parsed;
  const corrected = correct(text, offsetOf(parsed), (other) => {
    const result = tryParse(other);
    return result instanceof MeshmockError ? offsetOf(result) : undefined;
  });
  if (corrected === undefined) throw parsed;
  const { code, message, place } = parsed;
  throw new MeshmockError(code, `${message}; did you mean "${corrected}"?`, optional('place', place));
}

function tryParse(text: string): Expectation | MeshmockError {
  try {
    return new ExpectationParser(text).expectation();
  } catch (error) {
    if (error instanceof MeshmockError) return error;
    throw error;
  }
}

function offsetOf({ place }: MeshmockError): number {
  return place?.offset ?? 0;
}

class ExpectationParser extends EdgeReader {
  expectation(): Expectation {
    const isNegated = this.peek() === 'not' && this.peek(1) !== undefined && !comparisonAt(this.peek(1));
    if (isNegated) this.index++;
    const edge = this.edge();
    const claim = this.claim();
    if (this.peek() !== undefined) throw this.fail('the end');
    return { text: this.text, isNegated, edge, claim };
  }

  private claim(): Claim {
    const word = this.peek() ?? '';
    const time = times.find((known) => known === word);
    if (time !== undefined) {
      this.index++;
      const statistic = this.oneOf<Statistic>(statistics);
      return { kind: time, statistic, amount: this.amount(['ms']) };
    }
    if (word === 'calls') {
      this.index++;
      return { kind: 'calls', amount: this.amount(['calls']) };
    }
    if (!claimWords.includes(word) && this.peek(1) !== undefined && this.index === 0 && !comparisonAt(this.peek(1)))
      throw this.fail(`one of ${claimWords.join(', ')}`, this.index + 1);
    if (isTextClaim(this)) return this.textClaim();
    const fact = this.oneOf<Fact>(facts, claimWords);
    if (!comparisonAt(this.peek())) {
      const value = this.value(fact);
      return { kind: 'share', fact, value, amount: this.amount(['percent', 'calls']) };
    }
    const at = this.index;
    const comparison = this.comparison();
    if (isOrder(comparison) && !ordered.includes(fact)) throw this.fail(`= or !=: a ${fact} has no order`, at);
    if (isOrder(comparison) && Number.isNaN(Number(this.peek()))) throw this.fail(`a number after ${comparison}`);
    return { kind: 'each', fact, comparison, value: this.value(fact) };
  }

  private textClaim(): Claim {
    const fact = parseTextFact(this);
    const isShare = this.peek() !== '=' && this.peek() !== '!=';
    const condition = parseTextCondition(this);
    const hasAmount = isShare && (condition.kind === 'equals' || comparisonAt(this.peek()));
    return { kind: 'text', fact, condition, amount: hasAmount ? this.amount(['percent', 'calls']) : undefined };
  }

  private value(fact: Fact): string {
    const value = this.peek() ?? '';
    for (const alternative of value.split('|')) {
      const problem = valueProblem(fact, alternative);
      if (problem !== undefined) throw this.fail(problem);
    }
    this.index++;
    return value;
  }

  private comparison(): Comparison {
    return this.oneOf<Comparison>(comparisons);
  }

  private amount(units: readonly Amount['unit'][]): Amount {
    const at = this.index;
    const comparison = this.comparison();
    const { unit, value } = this.number(units);
    if (!['±', '+-', '+/-'].includes(this.peek() ?? '')) return { comparison, unit, value, tolerance: 0 };
    if (isOrder(comparison)) throw this.fail('= or !=, because the amount has a tolerance', at);
    this.index++;
    return { comparison, unit, value, tolerance: this.number([unit]).value };
  }

  private number(units: readonly Amount['unit'][]): { unit: Amount['unit']; value: number } {
    const text = this.peek() ?? '';
    for (const unit of units) {
      const value = parseNumber(unit, text);
      if (value !== undefined) {
        this.index++;
        return { unit, value };
      }
    }
    throw this.fail(units.map((unit) => unitNames[unit]).join(' or '));
  }
}

const unitNames: Readonly<Record<Amount['unit'], string>> = {
  percent: 'a percentage such as 10%',
  ms: 'a duration such as 200ms',
  calls: 'a number of calls',
};

function isOrder(comparison: Comparison): boolean {
  return comparison !== '=' && comparison !== '!=';
}

function comparisonAt(text: string | undefined): boolean {
  return comparisons.some((comparison) => comparison === text);
}
