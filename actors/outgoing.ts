/**
 * The effects of one actor that could not leave at once, in order: they wait for a journal, or for room in a mailbox.
 *
 * Invariant: an effect leaves only after all that were put in before it, and never before the events in front of it are durable.
 *
 * @module
 */
import { Ring } from "../lib/ring.ts";
import type { Effect } from "./outbox.ts";

/** An actor that has more effects than this waiting for its journal handles nothing more until some have left. */
const WAITING_MAX = 4_096;

/** The queue of effects of one actor's life. */
export class Outgoing {
  readonly #waiting = new Ring<Effect>();
  #durableTo = -1;
  #flushing = false;

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Whether so much waits that the actor must wait too. */
  get full(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  push(effect: Effect): void {
    this.#waiting.push(effect);
  }

  /** The journal is durable up to there: barriers up to there hold nothing back any more. */
  durable(position: number): void {
    this.#durableTo = Math.max(this.#durableTo, position);
  }

  /** Lets effects out through `perform`, up to a barrier that still holds or an effect for which it returns false. */
  flush(perform: (effect: Effect) => boolean): void {
    if (this.#flushing) return; // an effect has led back here: the loop below goes on with it
    this.#flushing = true;
    try {
      for (let effect = this.#waiting.peek(); effect !== undefined; effect = this.#waiting.peek()) {
        if (effect.type === "barrier" ? effect.position > this.#durableTo : !perform(effect)) return;
        this.#waiting.shift();
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** A new life begins with nothing to say. */
  clear(): void {
    if (this.#waiting.length > 0) this.#waiting.clear();
    this.#durableTo = -1;
  }
}
