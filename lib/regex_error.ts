/**
 * Why an expression is refused.
 *
 * @module
 */

/** An expression that is not understood, or too large. */
export class RegexError extends Error {
  override readonly name = "RegexError";

  /** @param why a clause that goes on after "The regular expression …" */
  constructor(pattern: string, why: string) {
    super(`The regular expression ${JSON.stringify(pattern.slice(0, 200))} ${why}.`);
  }
}
