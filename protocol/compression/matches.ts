/**
 * Finds repetitions in a block of bytes: the half of compression that snappy and LZ4 have in common. Both write what is
 * new as it is (literals) and what was there before as "copy so many bytes from so far back"; they differ in how.
 *
 * Greedy: the first repetition of at least four bytes is taken. A table remembers where a hash of four bytes was last
 * seen. Where little repeats, ever larger steps are taken, so that bytes that cannot be compressed cost little.
 *
 * @module
 */

/** The largest block, so that a distance always fits 16 bits. */
export const BLOCK_BYTES = 64 * 1024;

/** No match starts in the last 12 bytes nor covers the last 5: LZ4 demands it, and the search may read 4 bytes anywhere. */
const LAST_MATCH_START = 12;
const LAST_LITERALS = 5;
const SHORTEST_MATCH = 4;

const HASH_BITS = 13;
const table = new Uint16Array(1 << HASH_BITS);

/** Where found matches go. */
export interface MatchSink {
  /** `bytes[literals..start)` as it is, then `length` bytes (4 or more) from `distance` (1 to 65,535) back. */
  match(bytes: Uint8Array, literals: number, start: number, distance: number, length: number): void;
}

/**
 * Tells the sink all matches in `bytes[start..end)`, at most {@linkcode BLOCK_BYTES}, in order.
 *
 * @returns where the literals begin that follow the last match; they reach to `end`
 */
export function findMatches(bytes: Uint8Array, start: number, end: number, sink: MatchSink): number {
  const lastStart = end - LAST_MATCH_START;
  const matchEnd = end - LAST_LITERALS;
  table.fill(0); // 0 stands for the block's first byte: a wrong guess is seen when the bytes are compared
  let literals = start;
  let misses = 32;
  for (let at = start + 1; at <= lastStart;) {
    const hash = hashAt(bytes, at);
    const candidate = start + table[hash]!;
    table[hash] = at - start;
    if (!sameFour(bytes, candidate, at)) {
      at += misses++ >>> 5;
      continue;
    }
    let length = SHORTEST_MATCH;
    while (at + length < matchEnd && bytes[candidate + length] === bytes[at + length]) length++;
    sink.match(bytes, literals, at, at - candidate, length);
    at += length;
    literals = at;
    misses = 32;
    if (at <= lastStart) table[hashAt(bytes, at - 2)] = at - 2 - start;
  }
  return literals;
}

function hashAt(bytes: Uint8Array, at: number): number {
  const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
}

function sameFour(bytes: Uint8Array, a: number, b: number): boolean {
  return bytes[a] === bytes[b] && bytes[a + 1] === bytes[b + 1] && bytes[a + 2] === bytes[b + 2] &&
    bytes[a + 3] === bytes[b + 3];
}

/** Copies `bytes[from..from + length)` to `out` at a place: by hand where a call would cost more than the copy. */
export function copyLiterals(bytes: Uint8Array, from: number, length: number, out: Uint8Array, at: number): void {
  if (length > 48) out.set(bytes.subarray(from, from + length), at);
  else for (let i = 0; i < length; i++) out[at + i] = bytes[from + i]!;
}

/** Repeats `length` bytes of `out` from `distance` back at a place; the two may overlap, which repeats a short pattern. */
export function copyMatch(out: Uint8Array, at: number, distance: number, length: number): void {
  if (length > 48 && distance >= length) out.copyWithin(at, at - distance, at - distance + length);
  else if (length > 48 && distance === 1) out.fill(out[at - 1]!, at, at + length);
  else for (let i = 0; i < length; i++) out[at + i] = out[at + i - distance]!;
}
