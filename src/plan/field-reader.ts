import { MeshmockError } from '../error/meshmock-error.ts';

/** Reader of the fields of one untrusted message. Its errors contain the path of the field. */
export class FieldReader {
  private readonly message: Readonly<Record<string, unknown>>;
  private readonly field: string;

  /** @throws MeshmockError `invalid_plan` if the message is not an object, or has an unknown field */
  constructor(message: unknown, field: string, known: readonly string[]) {
    this.field = field;
    if (typeof message !== 'object' || message === null || Array.isArray(message)) throw fieldError(field, 'an object');
    this.message = message as Readonly<Record<string, unknown>>;
    const unknown = Object.keys(message).find((name) => !known.includes(name));
    if (unknown !== undefined) throw fieldError(this.pathOf(unknown), `one of the fields ${known.join(', ')}`);
  }

  pathOf(name: string): string {
    return `${this.field}.${name}`;
  }

  /** Reports whether a field is present. `null` is absent, as in protobuf's JSON mapping. */
  has(name: string): boolean {
    return this.message[name] !== undefined && this.message[name] !== null;
  }

  value(name: string): unknown {
    return this.message[name];
  }

  error(name: string, expected: string): MeshmockError {
    return fieldError(this.pathOf(name), expected);
  }

  string(name: string): string | undefined {
    const value = this.message[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw this.error(name, 'a string');
    if (value?.isWellFormed() === false) throw this.error(name, 'whole characters, not half of a surrogate pair');
    return value;
  }

  number(name: string): number | undefined {
    const value = this.message[name] ?? undefined;
    if (value !== undefined && typeof value !== 'number') throw this.error(name, 'a number');
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.message[name] ?? undefined;
    if (value !== undefined && typeof value !== 'boolean') throw this.error(name, 'true or false');
    return value;
  }

  list<T>(name: string, read: (item: unknown, field: string) => T): T[] {
    const value = this.message[name] ?? [];
    if (!Array.isArray(value)) throw this.error(name, 'a list');
    return value.map((item, index) => read(item, `${this.pathOf(name)}[${index}]`));
  }

  /** Returns the name of the one field of a oneof that is present. */
  exactlyOneOf<Name extends string>(names: readonly Name[]): Name {
    const [first, second] = names.filter((name) => this.has(name));
    if (first === undefined || second !== undefined) throw fieldError(this.field, `exactly one of ${names.join(', ')}`);
    return first;
  }

  /** Returns the value of a field if it has no problem. An absent value has none. */
  checked<T>(name: string, value: T, problemOf: (value: Exclude<T, undefined>) => string | undefined): T {
    const problem = value === undefined ? undefined : problemOf(value as Exclude<T, undefined>);
    if (problem !== undefined) throw this.error(name, problem);
    return value;
  }
}

function fieldError(field: string, expected: string): MeshmockError {
  return new MeshmockError('invalid_plan', `${field}: expected ${expected}`, { field });
}
