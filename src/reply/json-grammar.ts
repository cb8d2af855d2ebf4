/** Grammar of JSON (RFC 8259) and UTF-8 (RFC 3629) as a table, which says for each state and byte what comes next. */

/** States between two bytes. Those from `hex1` to `utf8AfterF4` are within a character that may not be in ASCII. */
export const State = {
  start: 0,
  end: 1,
  value: 2,
  firstElement: 3,
  key: 4,
  firstKey: 5,
  colon: 6,
  afterValue: 7,
  text: 8,
  escape: 9,
  hex1: 10,
  hex2: 11,
  hex3: 12,
  hex4: 13,
  utf8Last: 14,
  utf8Two: 15,
  utf8Three: 16,
  utf8AfterE0: 17,
  utf8AfterEd: 18,
  utf8AfterF0: 19,
  utf8AfterF4: 20,
  minus: 21,
  zero: 22,
  digits: 23,
  point: 24,
  fraction: 25,
  exponent: 26,
  exponentSign: 27,
  exponentDigits: 28,
  t: 29,
  tr: 30,
  tru: 31,
  f: 32,
  fa: 33,
  fal: 34,
  fals: 35,
  n: 36,
  nu: 37,
  nul: 38,
} as const;

/** Steps that need more than the table: they depend on what is open. */
export const Step = {
  beginKey: 100,
  beginText: 101,
  endText: 102,
  comma: 103,
  openObject: 104,
  openArray: 105,
  closeObject: 106,
  closeArray: 107,
} as const;

/** Lowest value of `Step`; lower ones are states. */
export const firstStep = 100;

/** State after a byte that is wrong. */
export const invalid = 255;

const bytesPerState = 256;
const table = new Uint8Array(bytesPerState * (State.nul + 1)).fill(invalid);

/** Step after a byte in a state, at `state * 256 + byte`: the next state, one of `Step`, or `invalid`. */
export const stepTable: Uint8Array = table;

function on(states: readonly number[], characters: string, step: number): void {
  for (const state of states) {
    for (const character of characters) table[state * bytesPerState + character.charCodeAt(0)] = step;
  }
}

function onBytes(states: readonly number[], from: number, to: number, step: number): void {
  for (const state of states) table.fill(step, state * bytesPerState + from, state * bytesPerState + to + 1);
}

const { start, end, value, firstElement, key, firstKey, colon, afterValue, text } = State;

for (const state of [start, end, value, firstElement, key, firstKey, colon, afterValue]) on([state], ' \t\n\r', state);
on([start], '{', Step.openObject);

const values = [value, firstElement];
on(values, '{', Step.openObject);
on(values, '[', Step.openArray);
on(values, '"', Step.beginText);
on(values, '-', State.minus);
on(values, 't', State.t);
on(values, 'f', State.f);
on(values, 'n', State.n);
on([firstElement], ']', Step.closeArray);
on([key, firstKey], '"', Step.beginKey);
on([firstKey], '}', Step.closeObject);
on([colon], ':', value);

const numbers = [State.zero, State.digits, State.fraction, State.exponentDigits];
on(numbers, ' \t\n\r', afterValue);
on([afterValue, ...numbers], ',', Step.comma);
on([afterValue, ...numbers], '}', Step.closeObject);
on([afterValue, ...numbers], ']', Step.closeArray);
on([...values, State.minus], '0', State.zero);
on([...values, State.minus], '123456789', State.digits);
on([State.digits], '0123456789', State.digits);
on([State.zero, State.digits], '.', State.point);
on([State.point, State.fraction], '0123456789', State.fraction);
on([State.zero, State.digits, State.fraction], 'eE', State.exponent);
on([State.exponent], '+-', State.exponentSign);
on([State.exponent, State.exponentSign, State.exponentDigits], '0123456789', State.exponentDigits);

for (const [state, character, next] of [
  [State.t, 'r', State.tr],
  [State.tr, 'u', State.tru],
  [State.tru, 'e', afterValue],
  [State.f, 'a', State.fa],
  [State.fa, 'l', State.fal],
  [State.fal, 's', State.fals],
  [State.fals, 'e', afterValue],
  [State.n, 'u', State.nu],
  [State.nu, 'l', State.nul],
  [State.nul, 'l', afterValue],
] as const)
  on([state], character, next);

onBytes([text], 0x20, 0x7f, text);
on([text], '"', Step.endText);
on([text], '\\', State.escape);
on([State.escape], '"\\/bfnrt', text);
on([State.escape], 'u', State.hex1);
const hex = '0123456789abcdefABCDEF';
on([State.hex1], hex, State.hex2);
on([State.hex2], hex, State.hex3);
on([State.hex3], hex, State.hex4);
on([State.hex4], hex, text);

onBytes([text], 0xc2, 0xdf, State.utf8Last);
onBytes([text], 0xe0, 0xe0, State.utf8AfterE0);
onBytes([text], 0xe1, 0xef, State.utf8Two);
onBytes([text], 0xed, 0xed, State.utf8AfterEd);
onBytes([text], 0xf0, 0xf0, State.utf8AfterF0);
onBytes([text], 0xf1, 0xf3, State.utf8Three);
onBytes([text], 0xf4, 0xf4, State.utf8AfterF4);
onBytes([State.utf8Last], 0x80, 0xbf, text);
onBytes([State.utf8Two], 0x80, 0xbf, State.utf8Last);
onBytes([State.utf8Three], 0x80, 0xbf, State.utf8Two);
onBytes([State.utf8AfterE0], 0xa0, 0xbf, State.utf8Last);
onBytes([State.utf8AfterEd], 0x80, 0x9f, State.utf8Last);
onBytes([State.utf8AfterF0], 0x90, 0xbf, State.utf8Two);
onBytes([State.utf8AfterF4], 0x80, 0x8f, State.utf8Two);
