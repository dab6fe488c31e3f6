/**
 * One replica's copy of a log, and how much of what is committed it is known to have.
 *
 *     start ──the very same batches──▶ matched ──not compared yet, or another's──▶ end
 *            └─ where logs were cleaned: the same epochs
 *
 * Invariant: `matched` goes back only where the log was cut, or began anew, or where nothing is expected of it any more.
 *
 * @module
 */
import type { Ledger } from "./ledger.ts";
import { Mirror, sameBatch } from "./mirror.ts";
import type { Batch, LogView } from "./views.ts";

/** One replica's log, followed. */
export class Follower {
  readonly mirror: Mirror;
  /** Up to here it has what is committed. */
  matched: number;
  /** The number of the next committed batch to compare. */
  #next = -1;
  /** What was the high watermark when it was last looked at. */
  highWatermark = 0;
  flushed = 0;
  /** What the life before it had, until that has been found again. */
  left: Follower | undefined;
  /** It is no replica any more: its log will be deleted. */
  isExpelled = false;
  /** Its log cannot be read just now: nothing is known of it. */
  isDark = false;

  constructor(readonly node: number, readonly life: number, readonly log: LogView, hasProducers: boolean) {
    this.mirror = new Mirror(log, hasProducers);
    this.matched = this.mirror.start;
  }

  /** Whether the log is as it was at the last look. */
  get isAsBefore(): boolean {
    const { log, mirror } = this;
    return log.endOffset === mirror.end && log.highWatermark === this.highWatermark &&
      log.flushedOffset === this.flushed &&
      log.startOffset <= mirror.end;
  }

  /** What is committed and was durable when it was last looked at. */
  get durable(): number {
    return Math.min(this.flushed, this.matched);
  }

  /** Compares on, as far as there is something on both sides. */
  match(ledger: Ledger): void {
    const { batches } = this.mirror;
    const start = Math.max(this.mirror.start, ledger.start);
    if (this.matched < start) this.unmatch(start);
    if (this.matched < ledger.cleanedTo) this.#matchCleaned(ledger);
    if (this.#next < 0) {
      this.#next = ledger.find(this.matched);
      if (this.#next < 0) return;
    }
    for (let own = this.mirror.find(this.matched); own >= 0 && own < batches.length; own++) {
      const committed = ledger.batches[this.#next];
      if (committed === undefined || !sameBatch(committed, batches[own]!)) return;
      this.#next++;
      this.matched = committed.last + 1;
    }
  }

  /** What was cleaned is not the same by batches any more, but of the same epochs; whether it is the same by keys is judged elsewhere. */
  #matchCleaned(ledger: Ledger): void {
    while (this.matched < ledger.cleanedTo) {
      const own = covering(this.mirror.batches, this.matched);
      const committed = covering(ledger.batches, this.matched);
      if (own === undefined || committed === undefined || own.epoch !== committed.epoch) return;
      this.unmatch(Math.min(own.last, committed.last) + 1);
    }
  }

  /** Takes what is below `offset` for matched and compares the rest anew. */
  unmatch(offset: number): void {
    this.matched = offset;
    this.#next = -1;
  }
}

/** The batch that has this offset in it. */
function covering(batches: readonly Batch[], offset: number): Batch | undefined {
  let [low, high] = [0, batches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (batches[middle]!.last < offset) low = middle + 1;
    else high = middle;
  }
  const found = batches[low];
  return found !== undefined && found.base <= offset ? found : undefined;
}
