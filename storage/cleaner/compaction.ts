/**
 * How far a log has been cleaned, and the cleaning of it that is under way.
 *
 * Invariants: what lies below {@linkcode Compaction.cleanedTo} has been cleaned, on disk as well; so that point falls, durably, before
 * anything below it is cut. Nothing above {@linkcode Compaction.tombstonesGoneTo} lacks a tombstone that cleaning took, here or where
 * this log was filled from; so that point rises, durably, before one goes, and falls after what is above its new place was cut.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Cleaning, CleaningRequest } from "../cleaning.ts";
import { type Disk, DiskError } from "../disk.ts";
import type { EpochCache } from "../epoch_cache.ts";
import { isFull, type LogDurability } from "../log_durability.ts";
import type { LogSegments } from "../log_segments.ts";
import type { ObserverState } from "../observer_state.ts";
import type { ReadEnds } from "../read_ends.ts";
import { Segment, type SegmentContext } from "../segment.ts";
import { choose } from "./choosing.ts";
import { LogCleaning } from "./cleaner.ts";
import { swapIn } from "./swap.ts";

/** The log that is cleaned, by its parts. */
export interface CompactedLog {
  readonly name: string;
  readonly disk: Disk;
  readonly context: SegmentContext;
  readonly segments: LogSegments;
  readonly durability: LogDurability;
  readonly epochs: EpochCache;
  readonly observerState: ObserverState;
  readonly readEnds: ReadEnds;
  startOffset(): number;
  /** segment.bytes */
  segmentBytes(): number;
  /**
   * Batches are about to be replaced: the high watermark is on disk on return. Who has to cut something below it later, after a crash too,
   * knows by it that what is left may lack records because of those that go.
   */
  replaces(): void;
  /** What is below `offset`, and nothing else, has been cleaned as far as it can be: so on disk on return. */
  cleanedMoves(offset: number): void;
  /** Below `offset`, and nowhere else, tombstones may be gone: so on disk on return. */
  tombstonesGo(offset: number): void;
}

/** The compaction of one log. */
export class Compaction {
  readonly #log: CompactedLog;
  #cleanedTo: number;
  #wasCleaned: boolean;
  #rewrittenTo = 0;
  #tombstonesGoneTo: number;
  #cleaning: LogCleaning | undefined;
  /** The cleaning that is under way has replaced something, or is about to. */
  #replaces = false;

  constructor(log: CompactedLog, cleanedTo: number | undefined, tombstonesGoneTo: number) {
    this.#log = log;
    this.#cleanedTo = cleanedTo ?? 0;
    this.#wasCleaned = cleanedTo !== undefined;
    this.#tombstonesGoneTo = tombstonesGoneTo;
  }

  /** Everything below has been cleaned. */
  get cleanedTo(): number {
    return this.#cleanedTo;
  }

  /** Records may be gone because of newer ones, here or where they come from. */
  get wasCleaned(): boolean {
    return this.#wasCleaned;
  }

  /** From here on no batch has been replaced in this life, nor in those before as far as they came to an end. */
  get rewrittenTo(): number {
    return Math.max(this.#cleanedTo, this.#rewrittenTo);
  }

  /** From here on no tombstone has gone. */
  get tombstonesGoneTo(): number {
    return this.#tombstonesGoneTo;
  }

  /** Begins to clean; undefined when there is not enough to do, or a cleaning is under way. */
  begin(request: CleaningRequest): Cleaning | undefined {
    if (this.#cleaning !== undefined) return undefined;
    const { name, context, segments, durability, epochs } = this.#log;
    const cleanable = choose({
      segments: segments.all,
      startOffset: this.#log.startOffset(),
      flushedOffset: durability.flushedOffset,
      cleanedTo: this.#cleanedTo,
    }, request);
    if (cleanable === undefined) return undefined;
    const log = {
      name,
      context,
      segmentBytes: () => this.#log.segmentBytes(),
      epochAt: (offset: number) => epochs.spanAt(offset).epoch,
      cleanedTo: () => this.#cleanedTo,
      putInPlace: (old: readonly Segment[], cleaned: Segment) => this.#putInPlace(old, cleaned),
      cleaned: (to: number) => this.#move(to),
      tombstonesGo: (to: number) => this.tombstonesGo(to),
      over: () => this.#cleaning = undefined,
    };
    this.#replaces = false;
    return this.#cleaning = new LogCleaning(log, cleanable, request);
  }

  /** Ends the cleaning that is under way: segments that it is about to read or replace will not be there. */
  cancel(): void {
    this.#cleaning?.cancel();
  }

  /** The segments that begin below `offset` are about to be removed. */
  dropBefore(offset: number): void {
    this.#cleaning?.dropBefore(offset);
  }

  /** What is from `offset` on is about to go, and what comes in its place has not been cleaned. */
  forget(offset: number): void {
    if (this.#cleanedTo > offset) this.#move(offset);
    this.#rewrittenTo = Math.min(this.#rewrittenTo, offset);
  }

  /** Batches are about to be replaced, or come from where they have been: so on disk on return. */
  noteCleaned(): void {
    if (!this.#wasCleaned) this.#move(this.#cleanedTo);
  }

  /** Tombstones below `to` are about to go. */
  tombstonesGo(to: number): void {
    if (to > this.#tombstonesGoneTo) this.#moveGone(to);
  }

  /** What comes next, at `end`, lacks tombstones below `to`; what was said of the place where it came from before is over. */
  fillWithout(to: number, end: number): void {
    const gone = Math.max(to, Math.min(end, this.#tombstonesGoneTo));
    if (gone !== this.#tombstonesGoneTo) this.#moveGone(gone);
  }

  /** What was from `offset` on is gone. */
  ended(offset: number): void {
    if (this.#tombstonesGoneTo > offset) this.#moveGone(offset);
  }

  #moveGone(to: number): void {
    this.#log.tombstonesGo(to);
    this.#tombstonesGoneTo = to;
  }

  #move(cleanedTo: number): void {
    this.#log.cleanedMoves(cleanedTo);
    this.#cleanedTo = cleanedTo;
    this.#wasCleaned = true;
  }

  /** One segment takes the place of some, with the same offsets. An error leaves it to the next opening which of them are there. */
  #putInPlace(old: readonly Segment[], cleaned: Segment): void {
    cleaned.close();
    const { name, context, segments, durability, observerState, readEnds } = this.#log;
    durability.demandUsable();
    const first = segments.all.indexOf(old[0]!);
    const end = segments.all[first + old.length]?.baseOffset ?? Infinity;
    assert(
      first >= 0 && end <= durability.flushedOffset,
      `${name}: what is put in place must be below its durable end.`,
    );
    if (!this.#replaces) this.#log.replaces();
    this.noteCleaned();
    this.#replaces = true;
    this.#rewrittenTo = Math.max(this.#rewrittenTo, end);
    durability.orFail(() => {
      for (const segment of old) {
        durability.forget(segment);
        segment.close();
      }
      this.#swap(old.map(({ baseOffset }) => baseOffset));
      const segment = new Segment(context, cleaned.baseOffset);
      segments.replace(first, old.length, segment);
      readEnds.clear();
      observerState.remove((offset) => offset > segment.baseOffset && offset < end);
    });
  }

  /** A disk that is full in the middle of it has failed like any other: nobody knows which files are there. */
  #swap(bases: readonly number[]): void {
    const { disk, name } = this.#log;
    try {
      swapIn(disk, name, bases);
    } catch (error) {
      if (!isFull(error)) throw error;
      const message = `${name} was being cleaned when its disk was full. ${(error as Error).message}`;
      throw new DiskError("EIO", name, message, { cause: error });
    }
  }
}
