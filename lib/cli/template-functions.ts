type Fail = (complaint: string) => Error;
type TemplateFunction = (values: readonly unknown[], fail: Fail) => unknown;

/** Go's own (text/template) and docker's (docker/cli templates). */
const functions: Readonly<Record<string, TemplateFunction>> = {
  json: ([value]) => JSON.stringify(value),
  println: (values) => `${values.map(show).join(' ')}\n`,
  print: (values) => values.map(show).join(''),
  join: ([list, separator]) => (Array.isArray(list) ? list.map(show).join(show(separator)) : show(list)),
  split: ([text, separator]) => show(text).split(show(separator)),
  upper: ([text]) => show(text).toUpperCase(),
  lower: ([text]) => show(text).toLowerCase(),
  title: ([text]) => show(text).replace(/\b\w/g, (letter) => letter.toUpperCase()),
  len: ([value], fail) => lengthOf(value, fail),
  index: ([value, ...keys], fail) => keys.reduce((inner, key) => elementOf(inner, key, fail), value),
  eq: ([value, ...others]) => others.some((other) => other === value),
  ne: ([left, right]) => left !== right,
  not: ([value]) => !isTrue(value),
  and: (values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (values) => values.find(isTrue) ?? values.at(-1),
};

/** Whether a template may call this. */
export function isFunctionName(name: string): boolean {
  return Object.hasOwn(functions, name);
}

/** @throws what `fail` makes of a complaint */
export function callFunction(name: string, values: readonly unknown[], fail: Fail): unknown {
  return functions[name]?.(values, fail);
}

/** As it is printed. */
export function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '<no value>');
}

/** Go's truth: false, 0, nothing and what is empty are not. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

function lengthOf(value: unknown, fail: Fail): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (typeof value === 'object') return Object.keys(value ?? {}).length;
  throw fail(`len of ${String(value)} is not known`);
}

/** A key that a map does not have is empty, as in Go; an index outside a list is an error. */
function elementOf(value: unknown, key: unknown, fail: Fail): unknown {
  if (Array.isArray(value)) {
    if (typeof key === 'number' && key >= 0 && key < value.length) return value[key];
    throw fail(`there is no element ${String(key)} in a list of ${value.length}`);
  }
  if (value === null) return '';
  if (typeof value !== 'object') throw fail(`${String(value)} has no elements`);
  return (value as Record<string, unknown>)[String(key)] ?? '';
}
