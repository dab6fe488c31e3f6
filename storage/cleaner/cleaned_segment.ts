/**
 * The segment that a group of segments becomes, while it is written beside them: `<base>.log.cleaned` and its indexes.
 *
 * Invariant: its batches are contiguous. Where batches are gone, a header spans their offsets; neighbours of that kind, of one leader
 * epoch, share one. It takes the place of others only after every sync that was begun has ended well: the system tells of bytes that it
 * could not write once, to one sync, and calls them clean from then on.
 *
 * @module
 */
import type { BatchHeader } from "../../protocol/batch.ts";
import { encodeBatch } from "../../protocol/records.ts";
import type { DiskFile } from "../disk.ts";
import { Segment, type SegmentContext } from "../segment.ts";

/** What the files are called until they are put in place. */
export const CLEANED = ".cleaned";

const BUFFER_BYTES = 128 * 1024;
/** After so many bytes the disk begins to make them durable, so that less is left to do at the end. */
const SYNC_BYTES = 8 * 1024 * 1024;
const DELTA_MAX = 0x7fffffff;

/** A segment that is being written. */
export class CleanedSegment {
  readonly segment: Segment;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  /** Offsets that are gone, and stand in no header yet. */
  #gone: { readonly first: number; readonly last: number; readonly epoch: number } | undefined;
  #unsynced = 0;
  #syncs = 0;
  #ended: (() => void)[] = [];
  #failure: Error | undefined;

  /** Begins the segment; what an earlier attempt left is removed. */
  constructor(context: SegmentContext, baseOffset: number) {
    new Segment(context, baseOffset, false, CLEANED).remove();
    this.segment = new Segment(context, baseOffset, true, CLEANED);
  }

  /** Adds a batch. */
  add(batch: Uint8Array, header: BatchHeader, maxTimestamp: number): void {
    this.#flushGone();
    this.#write(batch, header.baseOffset + header.lastOffsetDelta, maxTimestamp);
  }

  /** Adds the offsets of a batch of which nothing is left. */
  skip({ baseOffset, lastOffsetDelta, partitionLeaderEpoch: epoch }: BatchHeader): void {
    const last = baseOffset + lastOffsetDelta;
    const gone = this.#gone;
    if (gone !== undefined && gone.epoch === epoch && last - gone.first <= DELTA_MAX) {
      this.#gone = { ...gone, last };
    } else {
      this.#flushGone();
      this.#gone = { first: baseOffset, last, epoch };
    }
  }

  /** Writes what is left to write: then the segment's size is what it will be. */
  flush(): void {
    this.#flushGone();
    this.#flushBuffer();
  }

  /** Begins to make all of it durable. */
  sync(): void {
    for (const file of [this.segment.file, ...this.segment.seal()]) this.#sync(file);
  }

  /** Whether a sync is under way. */
  get isSyncing(): boolean {
    return this.#syncs > 0;
  }

  /** Calls back when no sync is under way any more. */
  settled(then: () => void): void {
    if (this.isSyncing) this.#ended.push(then);
    else then();
  }

  /** Throws when a sync has failed: then nobody knows what is on the disk. */
  demandDurable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Gives up. */
  remove(): void {
    this.segment.remove();
  }

  #flushGone(): void {
    if (this.#gone === undefined) return;
    const { first, last, epoch } = this.#gone;
    this.#gone = undefined;
    const header = encodeBatch([], { baseOffset: first, partitionLeaderEpoch: epoch, lastOffsetDelta: last - first });
    this.#write(header, last, -1);
  }

  #write(batch: Uint8Array, lastOffset: number, maxTimestamp: number): void {
    if (this.#buffered + batch.length > BUFFER_BYTES) this.#flushBuffer();
    this.segment.note(this.segment.size + this.#buffered, batch.length, lastOffset, maxTimestamp);
    if (batch.length > BUFFER_BYTES) return this.#append(batch);
    this.#buffer.set(batch, this.#buffered);
    this.#buffered += batch.length;
  }

  #flushBuffer(): void {
    if (this.#buffered === 0) return;
    this.#append(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #append(bytes: Uint8Array): void {
    this.demandDurable();
    this.segment.append(bytes);
    this.#unsynced += bytes.length;
    if (this.#unsynced < SYNC_BYTES || this.isSyncing) return;
    this.#unsynced = 0;
    this.#sync(this.segment.file);
  }

  #sync(file: DiskFile): void {
    this.#syncs++;
    file.sync((result) => {
      this.#syncs--;
      if (!result.ok) this.#failure ??= result.error;
      if (this.isSyncing) return;
      const ended = this.#ended;
      this.#ended = [];
      for (const then of ended) then();
    });
  }
}
