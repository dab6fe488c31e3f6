/**
 * Chance that can be repeated: a seeded stream of random numbers (sfc32, by Chris Doty-Humphrey).
 *
 * A stream is named by its seed and the path of `split` names that led to it, and by nothing else. How much was drawn
 * from the parent does not matter, so a new draw in one place leaves every other place's stream as it was.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { xxhash32 } from "./xxhash32.ts";

/** Where code that must be repeatable takes its chance from. Not for secrets. */
export interface Random {
  /** The next number, 0 to 2^32-1. */
  uint32(): number;
  /** A whole number from 0 to `n - 1`, each as likely; `n` from 1 to 2^32. */
  below(n: number): number;
  /** True in `numerator` of `denominator` cases. */
  chance(numerator: number, denominator: number): boolean;
  /** That many random bytes, new each time. */
  bytes(length: number): Uint8Array;
  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** The stream of that name below this one: the same name gives the same stream, from its beginning. */
  split(name: string): Random;
}

/**
 * A {@linkcode Random} that a seed determines.
 *
 * @example
 * ```ts
 * import { SeededRandom } from "./prng.ts";
 *
 * console.assert(new SeededRandom(7).uint32() === new SeededRandom(7).uint32());
 * console.assert(new SeededRandom(7).below(6) < 6);
 * ```
 */
export class SeededRandom implements Random {
  readonly #path: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any number or text; 1 and "1" are the same seed */
  constructor(seed: number | bigint | string) {
    this.#path = String(seed);
    const name = new TextEncoder().encode(this.#path);
    this.#a = xxhash32(name, 0, name.length, 1) | 0;
    this.#b = xxhash32(name, 0, name.length, 2) | 0;
    this.#c = xxhash32(name, 0, name.length, 3) | 0;
    for (let round = 0; round < 12; round++) this.uint32(); // sfc32 needs 12 rounds until the seed has reached every bit
  }

  uint32(): number {
    const next = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + next) | 0;
    return next >>> 0;
  }

  below(n: number): number {
    assert(Number.isInteger(n) && n >= 1 && n <= 0x1_0000_0000, `below(${n}) must be given a whole number, 1 to 2^32`);
    const fair = 0x1_0000_0000 - (0x1_0000_0000 % n); // numbers above it would favour the small remainders
    for (;;) {
      const number = this.uint32();
      if (number < fair) return number % n;
    }
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const number = this.uint32();
      bytes[at] = number;
      bytes[at + 1] = number >>> 8; // writes past the end are ignored
      bytes[at + 2] = number >>> 16;
      bytes[at + 3] = number >>> 24;
    }
    return bytes;
  }

  pick<T>(list: readonly T[]): T {
    assert(list.length > 0, "pick needs a list with at least one element");
    return list[this.below(list.length)]!;
  }

  split(name: string): SeededRandom {
    return new SeededRandom(`${this.#path}\0${name}`);
  }
}
