import { MeshmockError } from './meshmock-error.ts';
import { optional } from './optional.ts';

/**
 * List of the errors of an input, so that a user sees all of them at once.
 *
 * @example
 * const errors = new ErrorList();
 * const names = texts.map((text) => errors.collect(() => parseName(text)));
 * errors.throwIfAny();
 */
export class ErrorList {
  private readonly errors: MeshmockError[] = [];

  /** Runs an action. Keeps its error, and returns undefined then. @throws any error that is not about the input */
  collect<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof MeshmockError) || error.code !== 'usage') throw error;
      this.add(error);
      return undefined;
    }
  }

  /** Adds an error, and the further errors that it has. An error that is in the list already is left out. */
  add(error: MeshmockError): void {
    for (const one of [error, ...error.others])
      if (!this.errors.some(({ message }) => message === one.message)) this.errors.push(one);
  }

  /** @throws MeshmockError `usage` for the first error, with the others */
  throwIfAny(): void {
    const [first, ...others] = this.errors;
    if (first === undefined) return;
    if (others.length === 0) throw first;
    throw new MeshmockError('usage', first.message, { ...optional('place', first.place), others });
  }
}
