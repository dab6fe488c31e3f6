/**
 * The segments of a log, by offset: found, added, and removed at both ends.
 *
 *     0 … 99 │ 100 … 249 │ … │ active
 *
 * Invariants: the last one is the active one; a segment begins where the one before it ends. While a log begins anew there may be
 * none, and nobody looks.
 *
 * @module
 */
import type { Segment } from "./segment.ts";

/** The segments of one log. */
export class LogSegments {
  readonly #all: Segment[];
  readonly #leaves: (segment: Segment) => void;

  /**
   * @param all at least one, by offset
   * @param leaves told of each that is about to go
   */
  constructor(all: readonly Segment[], leaves: (segment: Segment) => void) {
    this.#all = [...all];
    this.#leaves = leaves;
  }

  /** All of them, by offset. */
  get all(): readonly Segment[] {
    return this.#all;
  }

  /** The one that is written to. */
  get active(): Segment {
    return this.#all[this.#all.length - 1]!;
  }

  /** Where the first batch begins that is still there. */
  get firstOffset(): number {
    return this.#all[0]!.baseOffset;
  }

  get sizeInBytes(): number {
    return this.#all.reduce((sum, { size }) => sum + size, 0);
  }

  at(index: number): Segment {
    return this.#all[index]!;
  }

  /** The number of the segment that contains `offset`: the first for what lies below all, the active one for what lies above. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.#all.length - 1;
    if (offset >= this.#all[high]!.baseOffset) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#all[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Adds one that begins where the last one ends. */
  push(segment: Segment): void {
    this.#all.push(segment);
  }

  /** Puts one into the place of some, whose files are gone already. */
  replace(first: number, count: number, segment: Segment): void {
    this.#all.splice(first, count, segment);
  }

  /** Removes those before number `index`, the oldest first: what a crash leaves is a log still. */
  removeBefore(index: number): void {
    for (const segment of this.#all.splice(0, index)) this.#remove(segment);
  }

  /** Removes those from number `index` on, the newest first, for the same reason. */
  removeFrom(index: number): void {
    for (const segment of this.#all.splice(index).reverse()) this.#remove(segment);
  }

  /** Gives all handles back. */
  close(): void {
    for (const segment of this.#all) segment.close();
  }

  #remove(segment: Segment): void {
    this.#leaves(segment);
    segment.remove();
  }
}
