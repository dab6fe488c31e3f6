/**
 * What a partition knows of its idempotent producers (KIP-98, KIP-360), so that a batch sent again is not appended again.
 *
 *     sequence = last + 1 ─▶ new       the very sequences of one of the last five batches ─▶ duplicate
 *     anything else ─▶ OUT_OF_ORDER_SEQUENCE_NUMBER       an older epoch ─▶ INVALID_PRODUCER_EPOCH
 *
 * Invariant: this is a function of the log: the batches of a log (or a snapshot and the batches behind it) give the same
 * verdicts as the producers that lived through them. That is why a snapshot for offset N never knows of a batch at or above N,
 * even if the replica has taken one that is still on its way to the log.
 *
 * Entries are never changed but replaced, so that the one before can be kept until the batch is in the log.
 *
 * @module
 */
import type { BatchHeader } from "../../protocol/batch.ts";
import { sequenceAfter } from "../../protocol/validate.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot, type SnapshotEntry } from "./producer_snapshot.ts";
import type { ProducerDescription } from "./protocol.ts";

/** How many batches of a producer are remembered: as many as Kafka's clients have in flight. */
export const BATCHES_REMEMBERED = 5;

/** A batch as its producer numbered it. */
export interface ProducedBatch {
  /** Negative for none: then nothing else matters. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  /** In ms. */
  readonly maxTimestamp: number;
}

/** A batch that is in the log. */
export interface AppendedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** In ms. */
  readonly timestamp: number;
}

/** Whether a batch may be appended. */
export type Verdict =
  | { readonly type: "new" }
  | { readonly type: "duplicate"; readonly of: AppendedBatch }
  | {
    readonly type: "refused";
    readonly error: "INVALID_PRODUCER_EPOCH" | "OUT_OF_ORDER_SEQUENCE_NUMBER";
    readonly message: string;
  };

const NEW: Verdict = { type: "new" };

interface Entry {
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly lastTimestamp: number;
  /** First offset of the open transaction, -1 for none. */
  readonly currentTransactionStart: number;
  /** Of this epoch, oldest first, at most five. */
  readonly batches: readonly AppendedBatch[];
}

/** A batch that the log may not have yet, and what was known before it. */
interface Unwritten {
  readonly offset: number;
  readonly producerId: bigint;
  readonly before: Entry | undefined;
}

/** The producers of one partition. */
export class Producers {
  #entries = new Map<bigint, Entry>();
  /** Where each open transaction begins. */
  #open = new Map<bigint, number>();
  #unwritten: Unwritten[] = [];
  /**
   * First batches of producers that were rolled back. Others may be on their way behind them; a producer who is not known may
   * begin anywhere, so they would be taken, and the first could never come again.
   */
  readonly #turnedAway = new Map<bigint, { readonly epoch: number; readonly baseSequence: number }>();

  /** How many are known. */
  get size(): number {
    return this.#entries.size;
  }

  /** Judges a batch by what its producer has sent before. */
  judge(batch: ProducedBatch): Verdict {
    const { producerId, producerEpoch, baseSequence, lastSequence } = batch;
    if (producerId < 0n) return NEW;
    const entry = this.#entries.get(producerId);
    if (entry === undefined) return this.#judgeUnknown(batch);
    if (producerEpoch < entry.epoch) {
      return refuse(
        "INVALID_PRODUCER_EPOCH",
        `Producer ${producerId} sent epoch ${producerEpoch}, but epoch ${entry.epoch} has been here.`,
      );
    }
    if (producerEpoch > entry.epoch) {
      if (baseSequence === 0) return NEW;
      return refuse(
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        `Producer ${producerId} began epoch ${producerEpoch} with sequence ${baseSequence}; it must begin with 0.`,
      );
    }
    for (const of of entry.batches) {
      if (of.firstSequence === baseSequence && of.lastSequence === lastSequence) return { type: "duplicate", of };
    }
    const expected = expectedSequence(entry);
    if (baseSequence === expected) return NEW;
    return refuse(
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      `Producer ${producerId} sent sequence ${baseSequence} in epoch ${producerEpoch}; ${expected} must come next.`,
    );
  }

  /** Never seen, or forgotten: any sequence will do, unless one was refused before it that it must not overtake. */
  #judgeUnknown({ producerId, producerEpoch, baseSequence }: ProducedBatch): Verdict {
    const turnedAway = this.#turnedAway.get(producerId);
    if (turnedAway?.epoch !== producerEpoch || turnedAway.baseSequence === baseSequence) return NEW;
    return refuse(
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      `Producer ${producerId} sent sequence ${baseSequence}; there was no room for ${turnedAway.baseSequence}, which must come first.`,
    );
  }

  /** Takes a batch that was judged new and will be written at these offsets. */
  append(batch: ProducedBatch, firstOffset: number, lastOffset: number): void {
    const { producerId } = batch;
    if (producerId < 0n) return;
    this.#turnedAway.delete(producerId);
    this.#unwritten.push({ offset: firstOffset, producerId, before: this.#entries.get(producerId) });
    this.#add(batch, firstOffset, lastOffset, false);
  }

  /** The log has everything below `endOffset`. */
  written(endOffset: number): void {
    let count = 0;
    while (count < this.#unwritten.length && this.#unwritten[count]!.offset < endOffset) count++;
    if (count > 0) this.#unwritten.splice(0, count);
  }

  /** The log ends at `endOffset`, and what was to follow will not: everyone is as before those batches. */
  rollBack(endOffset: number): void {
    while (this.#unwritten.length > 0 && this.#unwritten.at(-1)!.offset >= endOffset) {
      const { producerId, before } = this.#unwritten.pop()!;
      this.#open.delete(producerId);
      if (before !== undefined) this.#set(producerId, before);
      else {
        const { epoch, batches } = this.#entries.get(producerId)!;
        this.#turnedAway.set(producerId, { epoch, baseSequence: batches.at(-1)!.firstSequence });
        this.#entries.delete(producerId);
      }
    }
  }

  /** Forgets producers that have been silent for that long, by the timestamps of their records; open transactions stay. */
  expire(nowMs: number, expirationMs: number): void {
    this.#turnedAway.clear();
    for (const [producerId, { currentTransactionStart, lastTimestamp }] of this.#entries) {
      if (currentTransactionStart < 0 && nowMs - lastTimestamp >= expirationMs) this.#entries.delete(producerId);
    }
  }

  /** First offset of the oldest open transaction: nothing from there on is stable. */
  firstUnstableOffset(): number | undefined {
    return this.#open.size === 0 ? undefined : Math.min(...this.#open.values());
  }

  /**
   * Whether a producer that is remembered has that batch as its last below `untilOffset`. Without it, a log that is cut there would
   * know the producer no longer.
   */
  isLast({ producerId, baseOffset, lastOffsetDelta }: BatchHeader, untilOffset: number): boolean {
    if (producerId < 0n) return false;
    const last = this.#entries.get(producerId)?.batches.findLast(({ lastOffset }) => lastOffset < untilOffset);
    return last?.lastOffset === baseOffset + lastOffsetDelta;
  }

  /** Everyone, for DescribeProducers. */
  describe(): ProducerDescription[] {
    return [...this.#entries].map(([producerId, entry]) => ({
      producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionStartOffset: entry.currentTransactionStart,
    }));
  }

  /** Starts over from a snapshot, or from nothing. False when the bytes are no snapshot: then nothing has changed. */
  load(snapshot: Uint8Array | undefined): boolean {
    const entries = snapshot === undefined ? [] : decodeProducerSnapshot(snapshot);
    if (entries === undefined) return false;
    this.#unwritten = [];
    this.#turnedAway.clear();
    this.#entries = new Map();
    this.#open = new Map();
    for (const saved of entries) {
      const entry = loaded(saved);
      const before = this.#entries.get(saved.producerId);
      const earlier = before?.epoch === entry.epoch ? before.batches : [];
      this.#set(saved.producerId, { ...entry, batches: [...earlier, ...entry.batches].slice(-BATCHES_REMEMBERED) });
    }
    return true;
  }

  /** Takes a batch that was found in the log, in offset order. */
  recovered(header: BatchHeader): void {
    const { producerId, producerEpoch, baseSequence, baseOffset, lastOffsetDelta, maxTimestamp } = header;
    if (producerId < 0n) return;
    if (header.isControl) return this.#endTransaction(header);
    const lastSequence = sequenceAfter(baseSequence, lastOffsetDelta);
    const batch = { producerId, producerEpoch, baseSequence, lastSequence, maxTimestamp };
    this.#add(batch, baseOffset, baseOffset + lastOffsetDelta, header.isTransactional);
  }

  /** The producers as the log has them below `endOffset`, for `<endOffset>.snapshot`. */
  snapshot(endOffset: number): Uint8Array {
    const entries = new Map<bigint, Entry | undefined>(this.#entries);
    for (let at = this.#unwritten.length - 1; at >= 0; at--) {
      const { offset, producerId, before } = this.#unwritten[at]!;
      if (offset >= endOffset) entries.set(producerId, before);
    }
    const saved: SnapshotEntry[] = [];
    for (const [producerId, entry] of entries) if (entry !== undefined) saved.push(...snapshotOf(producerId, entry));
    return encodeProducerSnapshot(saved);
  }

  #add(batch: ProducedBatch, firstOffset: number, lastOffset: number, isTransactional: boolean): void {
    const { producerId, producerEpoch, baseSequence, lastSequence, maxTimestamp } = batch;
    const entry = this.#entries.get(producerId);
    const earlier = entry?.epoch === producerEpoch ? entry.batches.slice(1 - BATCHES_REMEMBERED) : [];
    earlier.push({
      firstSequence: baseSequence,
      lastSequence,
      firstOffset,
      lastOffset,
      timestamp: maxTimestamp,
    });
    const open = entry?.currentTransactionStart ?? -1;
    this.#set(producerId, {
      epoch: producerEpoch,
      coordinatorEpoch: entry?.coordinatorEpoch ?? -1,
      lastTimestamp: maxTimestamp,
      currentTransactionStart: open < 0 && isTransactional ? firstOffset : open,
      batches: earlier,
    });
  }

  /** A marker ends the transaction; one of a new epoch (KIP-890) begins its sequences anew. */
  #endTransaction({ producerId, producerEpoch, maxTimestamp }: BatchHeader): void {
    const entry = this.#entries.get(producerId);
    this.#set(producerId, {
      epoch: producerEpoch,
      coordinatorEpoch: entry?.coordinatorEpoch ?? -1,
      lastTimestamp: maxTimestamp,
      currentTransactionStart: -1,
      batches: entry?.epoch === producerEpoch ? entry.batches : [],
    });
  }

  #set(producerId: bigint, entry: Entry): void {
    this.#entries.set(producerId, entry);
    if (entry.currentTransactionStart >= 0) this.#open.set(producerId, entry.currentTransactionStart);
    else if (this.#open.size > 0) this.#open.delete(producerId);
  }
}

function refuse(error: (Verdict & { type: "refused" })["error"], message: string): Verdict {
  return { type: "refused", error, message };
}

/** What the next batch of this epoch must begin with: 0 follows 2^31-1, and nothing at all. */
function expectedSequence({ batches }: Entry): number {
  const last = batches.at(-1);
  return last === undefined ? 0 : sequenceAfter(last.lastSequence, 1);
}

/**
 * A producer in a snapshot: one entry per batch that is remembered, oldest first.
 *
 * Kafka writes the last one only. Then a client that had five batches in flight when the broker ended, and sends them again,
 * is told OUT_OF_ORDER_SEQUENCE_NUMBER for the first, although it is in the log. Kafka reads ours as well: of several entries
 * of a producer it keeps the last.
 */
function snapshotOf(producerId: bigint, entry: Entry): SnapshotEntry[] {
  const { epoch, coordinatorEpoch, currentTransactionStart, lastTimestamp, batches } = entry;
  const same = { producerId, epoch, coordinatorEpoch, currentTransactionStart };
  if (batches.length === 0) {
    return [{ ...same, lastSequence: -1, lastOffset: -1, offsetDelta: 0, timestamp: lastTimestamp }];
  }
  return batches.map(({ lastSequence, firstOffset, lastOffset, timestamp }, index) => ({
    ...same,
    lastSequence,
    lastOffset,
    offsetDelta: lastOffset - firstOffset,
    timestamp: index === batches.length - 1 ? lastTimestamp : timestamp, // a marker may have come after it
  }));
}

/** One entry of a snapshot: a producer with the one batch that it names, if any. */
function loaded(entry: SnapshotEntry): Entry {
  const { epoch, lastSequence, lastOffset, offsetDelta, timestamp, coordinatorEpoch, currentTransactionStart } = entry;
  const firstSequence = lastSequence >= offsetDelta
    ? lastSequence - offsetDelta
    : 0x8000_0000 - (offsetDelta - lastSequence); // it had wrapped
  const batch = { firstSequence, lastSequence, firstOffset: lastOffset - offsetDelta, lastOffset, timestamp };
  return {
    epoch,
    coordinatorEpoch,
    lastTimestamp: timestamp,
    currentTransactionStart,
    batches: lastOffset < 0 ? [] : [batch],
  };
}
