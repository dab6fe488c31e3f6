/**
 * Journals in memory: for probes, tests, and brokers that keep nothing.
 *
 * @module
 */
import type { Result, Settle } from "../lib/env.ts";
import type { Journal, OpenJournal } from "./journal.ts";

/** A journal that is durable at once, unless it is held. It outlives the actor that writes it. */
export class MemoryJournal implements Journal {
  readonly #events: unknown[] = [];
  #waiting: { readonly position: number; readonly settle: Settle<void> }[] = [];
  #durableTo = 0;
  #held = false;
  #error: Error | undefined;

  /** What is durable, oldest first. */
  get events(): readonly unknown[] {
    return this.#events.slice(0, this.#durableTo);
  }

  /** From now on nothing becomes durable. */
  hold(): void {
    this.#held = true;
  }

  /** Makes durable whatever was appended, and from now on everything at once. */
  release(): void {
    this.#held = false;
    this.#durableTo = this.#events.length;
    this.#settle({ ok: true, value: undefined });
  }

  /** Breaks it: whoever waits, and whoever appends from now on, is given the error, until {@linkcode mend}. */
  fail(error: Error): void {
    this.#error = error;
    this.#settle({ ok: false, error });
  }

  /** Ends what {@linkcode fail} began. */
  mend(): void {
    this.#error = undefined;
  }

  recover(apply: (event: unknown) => void): void {
    for (const event of this.events) apply(event);
  }

  append(events: readonly unknown[]): number {
    if (this.#error) throw this.#error;
    this.#events.push(...events);
    if (!this.#held) this.#durableTo = this.#events.length;
    return this.#events.length;
  }

  whenDurable(position: number, settle: Settle<void>): void {
    if (this.#error) settle({ ok: false, error: this.#error });
    else if (position <= this.#durableTo) settle({ ok: true, value: undefined });
    else this.#waiting.push({ position, settle });
  }

  /** What is not durable yet is lost. */
  close(): void {
    this.#waiting = [];
    this.#events.length = this.#durableTo;
  }

  #settle(result: Result<void>): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(result);
  }
}

/** Opens journals in memory, each by kind and name; opened again, it is the same one. */
export function memoryJournals(): OpenJournal {
  const journals = new Map<string, MemoryJournal>();
  return (kind, name) => {
    const key = `${kind}/${name}`;
    const journal = journals.get(key) ?? new MemoryJournal();
    journals.set(key, journal);
    return journal;
  };
}
