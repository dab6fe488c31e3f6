/**
 * Plain data: what can leave one node and mean the same on another.
 *
 * Plain are null, undefined, booleans, numbers, strings, bigints, Uint8Arrays, and arrays, Maps, Sets and object literals of
 * plain data. Functions, symbols, instances of classes, other views and cycles are not.
 *
 * @module
 */

/** Deeper nesting is taken for a cycle. */
const DEPTH_MAX = 64;

/**
 * A deep copy that shares no memory with the original. Properties whose names are symbols are left out.
 *
 * @param where what the value is, for the error
 * @throws {TypeError} when something in it is not plain, naming where
 *
 * @example
 * ```ts
 * import { copyPlain } from "./plain.ts";
 *
 * const bytes = new Uint8Array([1]);
 * const copy = copyPlain({ bytes, list: [1n, "a"] });
 * bytes[0] = 2;
 * console.assert(copy.bytes[0] === 1);
 * ```
 */
export function copyPlain<T>(value: T, where = "value"): T {
  return copy(value, where, 0) as T;
}

function copy(value: unknown, where: string, depth: number): unknown {
  switch (typeof value) {
    case "function":
    case "symbol":
      throw new TypeError(`${where} must be plain data, not a ${typeof value}`);
    case "object":
      return value === null ? null : copyObject(value, where, depth);
  }
  return value;
}

function copyObject(value: object, where: string, depth: number): unknown {
  if (depth >= DEPTH_MAX) throw new TypeError(`${where} must be plain data: it is nested too deep, or holds itself`);
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map((item, at) => copy(item, `${where}[${at}]`, depth + 1));
  if (value instanceof Map) {
    const entry = (key: unknown, item: unknown) =>
      [copy(key, `a key of ${where}`, depth + 1), copy(item, `${where}.get(${String(key)})`, depth + 1)] as const;
    return new Map([...value].map(([key, item]) => entry(key, item)));
  }
  if (value instanceof Set) return new Set([...value].map((item) => copy(item, `an item of ${where}`, depth + 1)));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`${where} must be plain data, not an instance of ${prototype.constructor?.name ?? "a class"}`);
  }
  // Defined, not assigned: a key called "__proto__" must stay a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, copy(item, `${where}.${key}`, depth + 1)]),
  );
}
