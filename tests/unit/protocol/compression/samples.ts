/**
 * Inputs for the tests of the codecs: of every awkward size, from noise to one byte repeated.
 *
 * @module
 */
import type { Random } from "../../../../lib/prng.ts";

const SIZES = [0, 1, 4, 5, 12, 13, 14, 15, 16, 60, 61, 62, 256, 257, 1000, 65_535, 65_536, 65_537, 140_000];

/** Bytes to compress. */
export function sample(random: Random, size: number = random.pick(SIZES)): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) return random.bytes(size);
  if (kind === 1) return new Uint8Array(size).fill(random.below(256));
  const words = Array.from(
    { length: 1 + random.below(30) },
    () => random.bytes(1 + random.below(kind === 2 ? 12 : 200)),
  );
  const out = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const word = random.pick(words);
    out.set(word.subarray(0, size - at), at);
    at += word.length;
  }
  return out;
}

/** Some bytes one after another. */
export function concat(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Bytes written as hexadecimal digits; spaces do not matter. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.from(digits.replaceAll(" ", "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** A copy with some bytes changed, cut off, taken out or put in. */
export function damage(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(5)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concat(bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at));
    case 2:
      return concat(bytes.subarray(0, at), bytes.subarray(Math.min(at + 1 + random.below(8), bytes.length)));
  }
  const copy = bytes.slice();
  for (let changes = 1 + random.below(4); changes > 0 && copy.length > 0; changes--) {
    const place = random.below(Math.min(copy.length, random.chance(1, 2) ? 80 : copy.length));
    copy[place] = random.pick([random.below(256), copy[place]! ^ (1 << random.below(8)), 0, 0x7f, 0x80, 0xff]);
  }
  return copy;
}
