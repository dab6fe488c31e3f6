/**
 * Where recent reads of a log ended, which is where the next ones begin: they need no index.
 *
 * @module
 */
import type { Segment } from "./segment.ts";

const ENDS_MAX = 64;

/** The ends of the newest reads, by offset. */
export class ReadEnds {
  readonly #ends = new Map<number, { readonly segment: Segment; readonly position: number }>();

  /** Where the batch with `offset` begins in the segment; undefined when no read has ended there. */
  get(offset: number, segment: Segment): number | undefined {
    const end = this.#ends.get(offset);
    return end?.segment === segment ? end.position : undefined;
  }

  remember(offset: number, segment: Segment, position: number): void {
    this.#ends.delete(offset);
    this.#ends.set(offset, { segment, position });
    if (this.#ends.size <= ENDS_MAX) return;
    for (const oldest of this.#ends.keys()) {
      this.#ends.delete(oldest);
      return;
    }
  }

  /** Batches are not where they were. */
  clear(): void {
    this.#ends.clear();
  }
}
