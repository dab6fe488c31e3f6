/**
 * What goes wrong with compressed records.
 *
 * @module
 */

/**
 * Compressed bytes that cannot be opened.
 *
 * - `corrupt`: no codec of that kind wrote them, or they were damaged since;
 * - `unsupported`: legal in that format, but not in Kafka (dictionaries, dependent LZ4 blocks);
 * - `too large`: what comes out would pass the caller's limit.
 */
export class CompressionError extends Error {
  override readonly name = "CompressionError";
  readonly reason: "corrupt" | "unsupported" | "too large";

  constructor(reason: "corrupt" | "unsupported" | "too large", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Damage, in one sentence. */
export function corrupt(message: string): CompressionError {
  return new CompressionError("corrupt", message);
}

/** The refusal of what would grow beyond `maxBytes`. */
export function tooLarge(codec: string, maxBytes: number): CompressionError {
  return new CompressionError("too large", `What ${codec} expands to must not be larger than ${maxBytes} bytes`);
}
