/**
 * What could not be delivered: counted, and the last of it kept for people to look at.
 *
 * @module
 */
import { Ring } from "../lib/ring.ts";

/** One message that found nobody. */
export interface DeadLetter {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  readonly to: string;
  /** "" from outside. */
  readonly from: string;
  readonly verb: string;
  readonly reason: string;
}

const KEPT = 100;

/** The dead letters of one system. */
export class DeadLetters {
  #count = 0;
  readonly #recent = new Ring<DeadLetter>();

  /** How many there have been. */
  get count(): number {
    return this.#count;
  }

  /** The last 100, oldest first. */
  get recent(): DeadLetter[] {
    return [...this.#recent];
  }

  add(letter: DeadLetter): void {
    this.#count++;
    this.#recent.push(letter);
    if (this.#recent.length > KEPT) this.#recent.shift();
  }
}
