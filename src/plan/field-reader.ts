import { MeshmockError } from '../error/meshmock-error.ts';

/** Reads the fields of one message that may hold anything, and knows the path of each for its errors. */
export class FieldReader {
  private readonly message: Readonly<Record<string, unknown>>;
  private readonly field: string;

  /** @throws MeshmockError `invalid_plan` when this is no message, or has a field that is not known. */
  constructor(message: unknown, field: string, known: readonly string[]) {
    this.field = field;
    if (typeof message !== 'object' || message === null || Array.isArray(message)) throw refuse(field, 'an object');
    this.message = message as Readonly<Record<string, unknown>>;
    const unknown = Object.keys(message).find((name) => !known.includes(name));
    if (unknown !== undefined) throw refuse(this.pathOf(unknown), `one of the fields ${known.join(', ')}`);
  }

  pathOf(name: string): string {
    return `${this.field}.${name}`;
  }

  /** Protobuf's JSON mapping reads `null` as absent. */
  has(name: string): boolean {
    return this.message[name] !== undefined && this.message[name] !== null;
  }

  value(name: string): unknown {
    return this.message[name];
  }

  error(name: string, expected: string): MeshmockError {
    return refuse(this.pathOf(name), expected);
  }

  string(name: string): string | undefined {
    const value = this.message[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw this.error(name, 'a string');
    return value;
  }

  number(name: string): number | undefined {
    const value = this.message[name] ?? undefined;
    if (value !== undefined && typeof value !== 'number') throw this.error(name, 'a number');
    return value;
  }

  list<T>(name: string, read: (item: unknown, field: string) => T): T[] {
    const value = this.message[name] ?? [];
    if (!Array.isArray(value)) throw this.error(name, 'a list');
    return value.map((item, index) => read(item, `${this.pathOf(name)}[${index}]`));
  }

  /** The one field of a oneof that is set. */
  exactlyOneOf<Name extends string>(names: readonly Name[]): Name {
    const [first, second] = names.filter((name) => this.has(name));
    if (first === undefined || second !== undefined) throw refuse(this.field, `exactly one of ${names.join(', ')}`);
    return first;
  }

  /** The value itself, if the check finds no problem with it. */
  checked<T>(name: string, value: T, problemOf: (value: T) => string | undefined): T {
    const problem = problemOf(value);
    if (problem !== undefined) throw this.error(name, problem);
    return value;
  }
}

function refuse(field: string, expected: string): MeshmockError {
  return new MeshmockError('invalid_plan', `${field}: expected ${expected}`, { field });
}
