import { invalidFlag } from './flag-values.ts';
import { callFunction, isFunctionName, isTrue, show } from './template-functions.ts';
import { type Action, type Expression, parseTemplate } from './template-parser.ts';

/**
 * The part of Go's templates (text/template) that docker's --format is used for: fields, `if`, `else`, `range` (with
 * `$key, $value :=`), `with`, pipelines, and the functions json, join, split, upper, lower, title, println, len, index, eq,
 * ne, not, and, or. `\t` and `\n` in the text. Anything else is an error, never a wrong answer.
 */
export function compileTemplate(text: string): (value: unknown) => string {
  const fail = (complaint: string) => invalidFlag('--format', text, complaint);
  const actions = parseTemplate(text, fail, isFunctionName);
  return (value) => new Execution(fail, value).run(actions, { dot: value, variables: new Map() });
}

interface Scope {
  readonly dot: unknown;
  readonly variables: ReadonlyMap<string, unknown>;
}

class Execution {
  readonly #fail: (complaint: string) => Error;
  readonly #root: unknown;

  constructor(fail: (complaint: string) => Error, root: unknown) {
    this.#fail = fail;
    this.#root = root;
  }

  run(actions: readonly Action[], scope: Scope): string {
    return actions.map((action) => this.#perform(action, scope)).join('');
  }

  #perform(action: Action, scope: Scope): string {
    switch (action.kind) {
      case 'text':
        return action.text;
      case 'print':
        return show(this.#evaluate(action.expression, scope));
      case 'if':
        return this.run(
          isTrue(this.#evaluate(action.condition, scope)) ? action.body : action.otherwise,
          scope,
        );
      case 'with': {
        const value = this.#evaluate(action.condition, scope);
        return isTrue(value)
          ? this.run(action.body, { ...scope, dot: value })
          : this.run(action.otherwise, scope);
      }
      case 'range':
        return this.#repeat(action, scope);
    }
  }

  #repeat(action: Extract<Action, { kind: 'range' }>, scope: Scope): string {
    const entries = entriesOf(this.#evaluate(action.over, scope));
    if (entries.length === 0) return this.run(action.otherwise, scope);
    return entries
      .map(([key, value]) => {
        const variables = new Map(scope.variables);
        if (action.key !== undefined) variables.set(action.key, key);
        if (action.value !== undefined) variables.set(action.value, value);
        return this.run(action.body, { dot: value, variables });
      })
      .join('');
  }

  #evaluate(expression: Expression, scope: Scope): unknown {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'field':
        return this.#select(this.#base(expression.base, scope), expression.path);
      case 'call':
        return callFunction(
          expression.name,
          expression.arguments.map((argument) => this.#evaluate(argument, scope)),
          this.#fail,
        );
    }
  }

  #base(name: string, scope: Scope): unknown {
    if (name === '.') return scope.dot;
    if (name === '$') return this.#root;
    if (scope.variables.has(name)) return scope.variables.get(name);
    throw this.#fail(`there is no variable ${name}`);
  }

  #select(value: unknown, path: readonly string[]): unknown {
    return path.reduce<unknown>((current, field) => {
      const key = typeof current === 'object' && current !== null ? findKey(current, field) : undefined;
      if (key === undefined) throw this.#fail(`there is no field .${path.join('.')}`);
      return (current as Record<string, unknown>)[key];
    }, value);
  }
}

/** Our own documents have lower-case names where docker's are upper-case. */
function findKey(object: object, field: string): string | undefined {
  return (
    Object.keys(object).find((key) => key === field) ??
    Object.keys(object).find((key) => key.toLowerCase() === field.toLowerCase())
  );
}

/** Keys in order, as Go ranges over a map. */
function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
}
