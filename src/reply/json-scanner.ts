import { firstStep, invalid, State, Step, stepTable } from './json-grammar.ts';

/** Maximum nesting of objects and arrays. The longest chain of calls nests about five for each of its services. */
const maxNesting = 1100;

/** Size of a JSON text, and what it takes to read it. */
export interface JsonSize {
  readonly bytes: number;
  /** Upper bound of the number of values. */
  readonly values: number;
  /** Deepest nesting of objects and arrays. */
  readonly nesting: number;
  /** True if all characters are in ASCII: a string of others takes two bytes for each character. */
  readonly isAscii: boolean;
}

/**
 * Scanner that checks whether bytes are one JSON object in UTF-8 (RFC 8259), as they arrive and without keeping them.
 *
 * @example
 * const scanner = new JsonScanner();
 * scanner.add(Buffer.from('{"a":'));
 * scanner.add(Buffer.from('1}'));
 * scanner.size(); // { bytes: 7, values: 2, nesting: 1, isAscii: true }
 */
export class JsonScanner {
  private state: number = State.start;
  private isKey = false;
  /** Kinds of the open objects and arrays, by their nesting. */
  private readonly open = new Uint8Array(maxNesting + 1);
  private nesting = 0;
  private deepest = 0;
  private values = 0;
  private bytes = 0;
  private isAscii = true;

  /** Prepares the scanner for another text. */
  reset(): void {
    this.state = State.start;
    this.nesting = 0;
    this.deepest = 0;
    this.values = 0;
    this.bytes = 0;
    this.isAscii = true;
  }

  /** Reports whether the bytes continue the text. After the first ones that do not, no others do. */
  add(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    const { length } = chunk;
    let { state } = this;
    for (let index = 0; index < length && state !== invalid; index++) {
      if (state === State.text) index = this.endOfTexts(chunk, index);
      if (index === length) break;
      const step = stepTable[(state << 8) | (chunk[index] as number)] as number;
      state = step < firstStep ? step : this.take(step);
      if (state >= State.hex1 && state <= State.utf8AfterF4) this.isAscii = false;
    }
    this.state = state;
    return state !== invalid;
  }

  /**
   * Returns the index of the first byte that does not simply continue a text. Most texts directly follow another one, as
   * in `"name":"value","name"`, so these are skipped too: the table would take half as long again.
   */
  private endOfTexts(chunk: Buffer, from: number): number {
    const isObject = this.open[this.nesting] === Step.openObject;
    let { isKey } = this;
    let index = endOfPlainText(chunk, from);
    while (chunk[index] === quote && chunk[index + 1] === (isKey ? colon : comma) && chunk[index + 2] === quote) {
      if (!isKey) this.values++;
      isKey = !isKey && isObject;
      index = endOfPlainText(chunk, index + 3);
    }
    this.isKey = isKey;
    return index;
  }

  /** Returns the size of the text, or undefined if it is not a whole JSON object. */
  size(): JsonSize | undefined {
    if (this.state !== State.end) return undefined;
    return { bytes: this.bytes, values: this.values, nesting: this.deepest, isAscii: this.isAscii };
  }

  /** Takes a step that is not only a change of the state, and returns the new state. */
  private take(step: number): number {
    switch (step) {
      case Step.beginKey:
      case Step.beginText:
        this.isKey = step === Step.beginKey;
        return State.text;
      case Step.endText:
        return this.isKey ? State.colon : State.afterValue;
      case Step.comma:
        this.values++;
        return this.open[this.nesting] === Step.openObject ? State.key : State.value;
      case Step.openObject:
      case Step.openArray:
        return this.enter(step);
      case Step.closeObject:
        return this.leave(Step.openObject);
      case Step.closeArray:
        return this.leave(Step.openArray);
      default:
        return invalid;
    }
  }

  private enter(kind: typeof Step.openObject | typeof Step.openArray): number {
    if (this.nesting === maxNesting) return invalid;
    this.nesting++;
    this.deepest = Math.max(this.deepest, this.nesting);
    this.open[this.nesting] = kind;
    // The object or array itself, and its first element.
    this.values += 2;
    return kind === Step.openObject ? State.firstKey : State.firstElement;
  }

  private leave(kind: number): number {
    if (this.open[this.nesting] !== kind) return invalid;
    this.nesting--;
    return this.nesting === 0 ? State.end : State.afterValue;
  }
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;

/** Row of a text in the table. */
const textRow = State.text << 8;

/** Returns the index of the first byte that does not simply continue a text. Most bytes do, so this is fast. */
function endOfPlainText(chunk: Buffer, from: number): number {
  const { length } = chunk;
  let index = from;
  while (index < length && stepTable[textRow | (chunk[index] as number)] === State.text) index++;
  return index;
}
