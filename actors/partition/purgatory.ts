/**
 * Those who wait at a replica: fetches for more to read, produces for their records to be safe.
 *
 * Nothing here knows time or mailboxes: the replica says what has changed, and is told who may be answered.
 *
 * @module
 */
import type { Asker } from "../actor.ts";
import { Heap, type HeapItem } from "../../lib/heap.ts";
import { Ring } from "../../lib/ring.ts";
import type { AppendReply, FetchRequest } from "./protocol.ts";

/** Where one isolation level may read to. */
export type ReadableEnd = (isolation: FetchRequest["isolation"]) => number;

interface WaitingFetch extends HeapItem {
  readonly key: string;
  readonly above: number;
  readonly isolation: FetchRequest["isolation"];
  readonly deadlineMs: number;
  readonly asker: Asker<boolean>;
}

/** Fetches that wait, at most one per key. Invariant: a key has a fetch in the heap and the map, or in neither. */
export class WaitingFetches {
  readonly #byKey = new Map<string, WaitingFetch>();
  readonly #byDeadline = new Heap<WaitingFetch>((a, b) => a.deadlineMs < b.deadlineMs);

  get size(): number {
    return this.#byKey.size;
  }

  /** When the first of them has waited long enough (monotonic); Infinity when nobody waits. */
  get nextDeadlineMs(): number {
    return this.#byDeadline.peek()?.deadlineMs ?? Infinity;
  }

  /** Waits until more can be read than `above`. Whoever waited by that key must have been removed. */
  add(
    wait: Pick<WaitingFetch, "key" | "above" | "isolation" | "deadlineMs">,
    asker: Asker<boolean>,
  ): void {
    const { key, above, isolation, deadlineMs } = wait;
    const waiting: WaitingFetch = { key, above, isolation, deadlineMs, asker, heapIndex: -1 };
    this.#byKey.set(key, waiting);
    this.#byDeadline.push(waiting);
  }

  /** Takes out whoever waits by that key. */
  remove(key: string): Asker<boolean> | undefined {
    const waiting = this.#byKey.get(key);
    if (waiting !== undefined) this.#take(waiting);
    return waiting?.asker;
  }

  /** Takes out those who can read more now. */
  release(readableEnd: ReadableEnd): Asker<boolean>[] {
    if (this.#byKey.size === 0) return [];
    const released: Asker<boolean>[] = [];
    for (const waiting of this.#byKey.values()) {
      if (readableEnd(waiting.isolation) <= waiting.above) continue;
      this.#take(waiting);
      released.push(waiting.asker);
    }
    return released;
  }

  /** Takes out those whose time is over. */
  expire(nowMs: number): Asker<boolean>[] {
    const expired: Asker<boolean>[] = [];
    while (this.nextDeadlineMs <= nowMs) {
      const waiting = this.#byDeadline.peek()!;
      this.#take(waiting);
      expired.push(waiting.asker);
    }
    return expired;
  }

  /** Takes out all. */
  clear(): Asker<boolean>[] {
    const all = [...this.#byKey.values()].map(({ asker }) => asker);
    this.#byKey.clear();
    this.#byDeadline.clear();
    return all;
  }

  #take(waiting: WaitingFetch): void {
    this.#byKey.delete(waiting.key);
    this.#byDeadline.remove(waiting);
  }
}

/** A produce whose answer is known but not yet true. */
export interface WaitingProduce {
  /** It is true once everything below this offset is safe. */
  readonly below: number;
  /** When it began to wait (monotonic). */
  readonly sinceMs: number;
  readonly asker: Asker<AppendReply>;
  readonly reply: AppendReply;
}

/**
 * Produces that wait for an end of the log, answered in the order in which they came. A duplicate may wait for less than
 * those before it; it is answered after them, as its producer expects.
 */
export class WaitingProduces {
  readonly #queue = new Ring<WaitingProduce>();

  get size(): number {
    return this.#queue.length;
  }

  add(waiting: WaitingProduce): void {
    this.#queue.push(waiting);
  }

  /** Takes out the first, if everything below `end` being safe makes its answer true. */
  next(end: number): WaitingProduce | undefined {
    const first = this.#queue.peek();
    return first !== undefined && first.below <= end ? this.#queue.shift() : undefined;
  }

  /** Takes out the first, if it has waited since before `ms` (monotonic). */
  nextSince(ms: number): WaitingProduce | undefined {
    const first = this.#queue.peek();
    return first !== undefined && first.sinceMs < ms ? this.#queue.shift() : undefined;
  }

  /** Takes out those that wait for more than `end`; the others stay as they are. */
  takeAbove(end: number): WaitingProduce[] {
    const taken: WaitingProduce[] = [];
    for (let left = this.#queue.length; left > 0; left--) {
      const waiting = this.#queue.shift()!;
      if (waiting.below > end) taken.push(waiting);
      else this.#queue.push(waiting);
    }
    return taken;
  }
}
