/**
 * Programmer errors: what must hold, and what happens when it does not.
 *
 * An assertion that fails crashes the actor that made it, never the broker: its supervisor restarts it from what is durable.
 *
 * @module
 */

/** Something that the code relies on does not hold: a bug, never bad input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Demands that a condition holds.
 *
 * @throws {AssertionError} with the message, when it does not
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
