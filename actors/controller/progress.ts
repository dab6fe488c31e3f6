/**
 * Who waits for the brokers to have applied a change.
 *
 * A change is answered when every live broker has applied it, so that a client that was told "created" finds the topic on
 * whichever broker it asks next. A broker that is too slow does not hold the answer for ever: the wait expires.
 *
 * @module
 */
import type { Asker } from "../actor.ts";

/** An answer that is due when the log has been applied up to an offset. */
export interface Wait {
  readonly id: number;
  readonly offset: number;
  readonly asker: Asker<unknown>;
  /** What to say when it has been applied. */
  readonly value: unknown;
  /** What to say when it has not been applied in time. */
  readonly late: unknown;
}

/** Waits; nothing of it outlives the controller's actor. */
export class Progress {
  readonly #waits = new Map<number, Wait>();
  #nextId = 0;

  /** Somebody waits. */
  wait(wait: Omit<Wait, "id">): Wait {
    const added = { ...wait, id: this.#nextId++ };
    this.#waits.set(added.id, added);
    return added;
  }

  /** Whether anybody waits. */
  get waiting(): boolean {
    return this.#waits.size > 0;
  }

  /** Takes out a wait whose time is over. */
  expire(id: number): Wait | undefined {
    const wait = this.#waits.get(id);
    this.#waits.delete(id);
    return wait;
  }

  /** Takes out the waits that are over because everything below `offset` has been applied. */
  settle(offset: number): Wait[] {
    const settled = [...this.#waits.values()].filter((wait) => wait.offset <= offset);
    for (const { id } of settled) this.#waits.delete(id);
    return settled;
  }
}
