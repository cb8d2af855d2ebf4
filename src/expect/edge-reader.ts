import { claimWords, type Edge } from './expectation.ts';
import { namedTextFacts, textFacts } from './text-facts.ts';
import { TokenReader } from './token-reader.ts';

/** Reader of an expectation that begins with the calls it is about. */
export class EdgeReader extends TokenReader {
  /** Reads the service before a fact, if there is one. @throws MeshmockError `usage` */
  edge(): Edge {
    const isArrow = this.peek(1) === '->' || this.peek(1) === '→';
    if (isArrow) {
      const from = this.name();
      this.index++;
      return { kind: 'calls', from, to: this.name() };
    }
    if (!this.startsWithService()) return { kind: 'root' };
    const to = this.name();
    return to === 'root' ? { kind: 'root' } : { kind: 'calls', from: undefined, to };
  }

  /** A service may have the name of a fact: the word before a fact is a service. */
  private startsWithService(): boolean {
    const [first = '', second = ''] = [this.peek(), this.peek(1)];
    if (!claimWords.includes(second)) return false;
    if (!isOneOf(textFacts, second)) return true;
    // The name of a header, or the value of a fact, may be the name of a text fact: `header host = a`, `pod service = 3`.
    return !isOneOf(claimWords, first) || (isOneOf(textFacts, first) && !isOneOf(namedTextFacts, first));
  }

  private name(): string {
    const name = this.peek() ?? '';
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw this.fail('the name of a service');
    this.index++;
    return name;
  }
}

function isOneOf(words: readonly string[], word: string): boolean {
  return words.includes(word);
}
