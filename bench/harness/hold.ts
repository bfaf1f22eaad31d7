import { Undo } from '../../lib/undo/index.ts';

/** What a bench has started, ended in reverse order with it. */
export class Held extends Undo {
  use<T extends AsyncDisposable>(thing: T): T {
    this.add(() => thing[Symbol.asyncDispose]());
    return thing;
  }
}
