/**
 * Chunks of bytes as one.
 *
 * @module
 */

/**
 * The bytes of all chunks, one after another; a single chunk is returned as it is, not copied.
 *
 * @example
 * ```ts
 * import { concatenate } from "./bytes.ts";
 *
 * console.assert(concatenate([new Uint8Array([1]), new Uint8Array([2, 3])]).join() === "1,2,3");
 * ```
 */
export function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  let size = 0;
  for (const chunk of chunks) size += chunk.length;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
