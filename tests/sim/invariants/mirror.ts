/**
 * A copy of what one replica's log holds, by batch header, that follows the log as it grows, is cut and moves its start.
 *
 *     log      ├──────────── batches ────────────┤ end
 *     mirror   ├──── the same ────┤ read when the end has moved
 *
 * So every batch is read once, however often it is compared. A mirror is judged while it grows: offsets without gaps, epochs that do not
 * fall, each producer's sequences one after another.
 *
 * @module
 */
import type { Batch, LogView, Tell } from "./views.ts";

const SEQUENCES = 2 ** 31;

/** A mirror of a log. */
export class Mirror {
  readonly batches: Batch[] = [];
  /** Of the first batch, or where the log begins when it is empty. */
  start: number;
  end: number;
  /** Whether its producers' sequences are compared. */
  readonly #hasProducers: boolean;
  #producers = new Map<bigint, Batch>();
  /** Below this, batches may be gone from between those of a producer. */
  #cleanedTo = 0;

  constructor(readonly log: LogView, hasProducers: boolean) {
    this.start = this.end = log.startOffset;
    this.#hasProducers = hasProducers;
  }

  /** Follows the log, which was compacted up to `cleanedTo`. Returns where it was cut, Infinity if it was not; or why it cannot be read. */
  follow(who: string, tell: Tell, cleanedTo = 0): number | "damaged" | undefined {
    this.#cleanedTo = cleanedTo;
    const { startOffset, endOffset } = this.log;
    let cutAt = Infinity;
    if (endOffset < this.end) this.#cut(cutAt = endOffset);
    // A snapshot may sum up what was seen here, or, if it was fetched, something else.
    const isOwn = startOffset === this.end && this.batches.at(-1)?.epoch === this.log.startEpoch;
    if (startOffset >= this.end && startOffset > this.start && !isOwn) this.#restart(startOffset);
    if (endOffset === this.end) return cutAt;
    const batches = this.log.read(this.end);
    if (batches === undefined || batches === "damaged") return batches;
    for (const batch of batches) this.#add(batch, who, tell);
    if (this.end !== endOffset) tell(`${who} ends at ${endOffset}, but its batches do at ${this.end}.`);
    return cutAt;
  }

  /** The number of the batch that begins at `offset`; -1 when none does. */
  find(offset: number): number {
    let [low, high] = [0, this.batches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.batches[middle]!.base < offset) low = middle + 1;
      else high = middle;
    }
    return this.batches[low]?.base === offset ? low : -1;
  }

  #add(batch: Batch, who: string, tell: Tell): void {
    const before = this.batches.at(-1);
    // The first batch may begin below the log's start, which DeleteRecords can put between two batches or within one.
    const follows = before === undefined ? batch.base <= this.end && batch.last >= this.end : batch.base === this.end;
    if (!follows) tell(`${who} has a batch at ${batch.base}, where the one before ends at ${this.end}.`);
    if (before === undefined) this.start = batch.base;
    else if (batch.epoch < before.epoch) {
      tell(`${who} has epoch ${batch.epoch} at ${batch.base}, behind epoch ${before.epoch} at ${before.base}.`);
    }
    if (this.#hasProducers && batch.producerId >= 0n) this.#follow(batch, who, tell);
    this.batches.push(batch);
    this.end = batch.last + 1;
  }

  #follow(batch: Batch, who: string, tell: Tell): void {
    const { producerId, producerEpoch, baseSequence, base } = batch;
    if (baseSequence < 0) return; // a marker
    const before = this.#producers.get(producerId);
    this.#producers.set(producerId, batch);
    if (before === undefined || before.base < this.#cleanedTo) return;
    const expected = producerEpoch === before.producerEpoch ? lastSequence(before) + 1 : 0;
    if (producerEpoch < before.producerEpoch) {
      tell(
        `${who} has epoch ${producerEpoch} of producer ${producerId} at ${base}, behind epoch ${before.producerEpoch} at ${before.base}.`,
      );
    } else if (baseSequence !== expected % SEQUENCES) {
      tell(
        `${who} has sequence ${baseSequence} of producer ${producerId} (epoch ${producerEpoch}) at ${base}, where ${
          expected % SEQUENCES
        } must come after that at ${before.base}.`,
      );
    }
  }

  #cut(offset: number): void {
    while (this.batches.length > 0 && this.batches.at(-1)!.last >= offset) this.batches.pop();
    this.end = this.batches.length > 0 ? this.batches.at(-1)!.last + 1 : Math.min(offset, this.end);
    if (this.batches.length === 0) this.start = this.end;
    this.#producers = new Map();
    if (!this.#hasProducers) return;
    for (const batch of this.batches) if (batch.baseSequence >= 0) this.#producers.set(batch.producerId, batch);
  }

  #restart(offset: number): void {
    this.batches.length = 0;
    this.#producers = new Map();
    this.start = this.end = offset;
  }
}

/** The sequence of a batch's last record. */
export function lastSequence({ baseSequence, base, last }: Batch): number {
  return (baseSequence + last - base) % SEQUENCES;
}

/** The batch in words. */
export function describeBatch({ base, last, epoch, crc }: Batch): string {
  return `${base}–${last} of epoch ${epoch} (crc ${crc.toString(16)})`;
}

export function sameBatch(a: Batch, b: Batch): boolean {
  return a.base === b.base && a.last === b.last && a.epoch === b.epoch && a.crc === b.crc;
}
