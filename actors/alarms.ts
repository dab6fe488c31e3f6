/**
 * Everything of one system that is due at some time, behind one timer of the clock.
 *
 * Deadlines of asks and timers of actors are set and unset far more often than they ring; a heap of our own makes that cost
 * tens of nanoseconds instead of a timer of the machine each.
 *
 * Invariant: when anything is set, the clock's timer is armed for its due time or earlier.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";
import { Heap, type HeapItem } from "../lib/heap.ts";

/** Something that rings once when its time has come. */
export abstract class Alarm implements HeapItem {
  heapIndex = -1;
  /** In the clock's monotonic time. Written by {@linkcode Alarms} only. */
  dueMs = 0;
  /** Among alarms due at the same time, the one that was set first rings first. */
  order = 0;
  /** Must not throw. */
  abstract ring(): void;
}

/** An alarm that calls a function. */
export class Callback extends Alarm {
  readonly #ring: () => void;

  /** @param ring must not throw */
  constructor(ring: () => void) {
    super();
    this.#ring = ring;
  }

  override ring(): void {
    this.#ring();
  }
}

/** The alarms of one system. */
export class Alarms {
  readonly #clock: Clock;
  readonly #heap = new Heap<Alarm>((a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order));
  #order = 0;
  #armedForMs = Infinity;
  #disarm: (() => void) | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets an alarm, or moves one that is set. */
  set(alarm: Alarm, delayMs: number): void {
    if (this.#closed) return;
    this.#heap.remove(alarm);
    alarm.dueMs = this.#clock.monotonic() + delayMs;
    alarm.order = this.#order++;
    this.#heap.push(alarm);
    if (alarm.dueMs < this.#armedForMs) this.#arm();
  }

  /** Unsets an alarm; one that is not set is fine. The clock's timer stays armed: the next alarm will want it. */
  unset(alarm: Alarm): void {
    this.#heap.remove(alarm);
  }

  /** Unsets all, gives the clock's timer back, and from now on sets none. */
  close(): void {
    this.#closed = true;
    this.#heap.clear();
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedForMs = Infinity;
  }

  #arm(): void {
    this.#disarm?.();
    const next = this.#heap.peek();
    this.#armedForMs = next?.dueMs ?? Infinity;
    this.#disarm = next && this.#clock.after(next.dueMs - this.#clock.monotonic(), () => this.#ring());
  }

  #ring(): void {
    this.#disarm = undefined;
    // Nothing arms while they ring: the loop looks at what was set meanwhile, and arms once at its end.
    this.#armedForMs = -Infinity;
    const nowMs = this.#clock.monotonic();
    for (let next = this.#heap.peek(); next !== undefined && next.dueMs <= nowMs; next = this.#heap.peek()) {
      this.#heap.remove(next);
      next.ring();
    }
    this.#arm();
  }
}
