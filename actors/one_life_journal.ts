/**
 * A journal of one life: somebody else makes its events durable, and answers when they are, in order.
 *
 *     append ──ask──▶ somebody ──yes──▶ durable, and all before
 *                        └──no, or no answer──▶ nobody knows: the journal is of no use any more
 *
 * What its actor was started with is all there is, so there is nothing to recover; and after a failure another life begins with
 * what is committed by then.
 *
 * Invariant: nothing is durable after a failure that was not before.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Result, Settle } from "../lib/env.ts";
import type { Answer } from "./actor.ts";
import type { Journal } from "./journal.ts";

const DONE: Result<void> = { ok: true, value: undefined };

/** What such journals have in common. */
export abstract class OneLifeJournal implements Journal {
  /** Who waits, by position, ascending. */
  readonly #waiting: { readonly position: number; readonly settle: Settle<void> }[] = [];
  #committed: number;
  #failure: Error | undefined;
  #closed = false;

  /** @param committed the position that it begins with */
  constructor(committed: number) {
    this.#committed = committed;
  }

  recover(): void {}

  /** What one turn appends is there whole, or not at all. */
  append(events: readonly unknown[]): number {
    assert(!this.#closed, "the journal is closed");
    if (this.#failure !== undefined) throw this.#failure;
    return this.write(events);
  }

  whenDurable(position: number, settle: Settle<void>): void {
    if (this.#failure !== undefined) settle({ ok: false, error: this.#failure });
    else if (position <= this.#committed) settle(DONE);
    else this.#waiting.push({ position, settle });
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  /** Asks for these events to be made durable, and returns the position after them; the answer goes to {@linkcode OneLifeJournal.settled}. */
  protected abstract write(events: readonly unknown[]): number;

  /** Why what ends at a position may not be committed, as a sentence. */
  protected abstract explain(position: number, answer: Answer<boolean>): string;

  /** Whoever was asked has answered. */
  protected settled(position: number, answer: Answer<boolean>): void {
    if (this.#closed || this.#failure !== undefined) return;
    if (answer.ok && answer.value) {
      this.#committed = Math.max(this.#committed, position);
      while (this.#waiting[0] !== undefined && this.#waiting[0].position <= this.#committed) {
        this.#waiting.shift()!.settle(DONE);
      }
      return;
    }
    const error = this.#failure = new Error(this.explain(position, answer));
    for (const { settle } of this.#waiting.splice(0)) settle({ ok: false, error });
  }
}
