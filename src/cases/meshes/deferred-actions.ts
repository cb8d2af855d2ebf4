/**
 * Actions that undo changes. They run in reverse order when this object is disposed. Node 22 has no
 * `AsyncDisposableStack`.
 */
export class DeferredActions implements AsyncDisposable {
  private readonly actions: (() => Promise<void>)[] = [];

  /** Adds an action, which runs before those that were added earlier. */
  defer(action: () => Promise<void>): void {
    this.actions.push(action);
  }

  /** Runs all actions, also after one has failed. @throws the first error */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let action = this.actions.pop(); action !== undefined; action = this.actions.pop())
      await action().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}
