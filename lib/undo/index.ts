/**
 * A sequence of effects, each with its undo. On success `commit()` keeps the effects; otherwise disposal undoes them in
 * reverse order, goes on past errors, and throws what it collected.
 *
 *     await using undo = new Undo();
 *     await reserveName(name);
 *     undo.add(() => releaseName(name));
 *     …
 *     undo.commit();
 */
export class Undo implements AsyncDisposable {
  #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  commit(): void {
    this.#steps = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'several steps could not be undone');
  }
}
