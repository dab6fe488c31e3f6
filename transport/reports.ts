/**
 * What an operator is told, once: what happens again and again is said once a minute.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";

const QUIET_MS = 60_000;
/** Causes are remembered up to so many; they hold what others have said, and others may say much. */
const CAUSES_MAX = 1_000;

/** Keeps the report readable. */
export class Reports {
  readonly #clock: Clock;
  readonly #report: (sentence: string) => void;
  /** When each cause was last told, oldest first. */
  readonly #toldMs = new Map<string, number>();

  constructor(clock: Clock, report: (sentence: string) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Tells a sentence, unless one of the same cause was told within the last minute. */
  say(cause: string, sentence: string): void {
    const nowMs = this.#clock.monotonic();
    const toldMs = this.#toldMs.get(cause);
    if (toldMs !== undefined && nowMs - toldMs < QUIET_MS) return;
    this.#toldMs.delete(cause); // it goes to the end
    this.#toldMs.set(cause, nowMs);
    for (const oldest of this.#toldMs.keys()) {
      if (this.#toldMs.size <= CAUSES_MAX) break;
      this.#toldMs.delete(oldest);
    }
    this.#report(sentence.replaceAll(/\p{Cc}/gu, "\ufffd")); // it may quote others, who must not write lines of their own
  }
}
