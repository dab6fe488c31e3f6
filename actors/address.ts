/**
 * Where an actor is: `<node>/<kind>/<name>`, as plain text that means the same on every node.
 *
 * A name may hold anything, slashes too: only the first two slashes separate.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Ref } from "./actor.ts";

/** The parts of a {@linkcode Ref}. */
export interface Address {
  readonly node: number;
  readonly kind: string;
  readonly name: string;
}

/**
 * Builds the ref of an actor.
 *
 * @throws {AssertionError} when the node is no whole number, or the kind is empty or holds a slash
 */
export function refOf<P>(node: number, kind: string, name: string): Ref<P> {
  assert(Number.isSafeInteger(node), `a node must be a whole number, not ${node}`);
  assert(kind !== "" && !kind.includes("/"), `a kind must be a word without "/", not "${kind}"`);
  return `${node}/${kind}/${name}` as Ref<P>;
}

/**
 * Takes a ref apart; the opposite of {@linkcode refOf}.
 *
 * @throws {AssertionError} when it is not `<node>/<kind>/<name>`
 */
export function parseRef(ref: string): Address {
  const node = nodeOf(ref);
  const kindAt = ref.indexOf("/") + 1;
  const nameAt = ref.indexOf("/", kindAt) + 1;
  assert(node !== undefined && nameAt > kindAt + 1, `a ref must be <node>/<kind>/<name>, not "${ref}"`);
  return { node, kind: ref.slice(kindAt, nameAt - 1), name: ref.slice(nameAt) };
}

/** The node of a ref, or undefined when this text cannot be a ref. */
export function nodeOf(ref: string): number | undefined {
  const end = ref.indexOf("/");
  if (end < 1) return undefined;
  const node = Number(ref.slice(0, end));
  return Number.isSafeInteger(node) && String(node) === ref.slice(0, end) ? node : undefined;
}
