/**
 * One cleaning of one log, in steps.
 *
 *     mapping ──all dirty batches read, or the map full──▶ rewriting ──group by group, each synced and put in place──▶ over
 *        └──────────────────────────┴──── cancelled, or failed: what is in place stays, the rest is as it was ──▶ over
 *
 * Groups are put in place from the beginning of the log on. So when a tombstone is given its delete horizon, everything that it takes
 * back is gone already; and whatever a crash leaves undone, what has been done was right by itself.
 *
 * @module
 */
import type { Cleaning, CleaningReport, CleaningRequest } from "../cleaning.ts";
import type { Segment, SegmentContext } from "../segment.ts";
import { BatchWalk } from "./batch_walk.ts";
import { CleanedSegment } from "./cleaned_segment.ts";
import { KeyMap } from "./key_map.ts";
import { eachKey, isLeftAlone, rewrite, type Rules } from "./rewriting.ts";

/** What the cleaner has to know of a log, and what it has done there. */
export interface CleanedLog {
  readonly name: string;
  readonly context: SegmentContext;
  /** segment.bytes */
  segmentBytes(): number;
  epochAt(offset: number): number;
  /** Everything below has been cleaned. */
  cleanedTo(): number;
  /** Puts a segment that was written beside them, and is durable, into the place of these. */
  putInPlace(old: readonly Segment[], cleaned: Segment): void;
  /** Everything below has been cleaned: written down on return. */
  cleaned(to: number): void;
  /** Tombstones below this are about to go: written down on return. */
  tombstonesGo(to: number): void;
  /** This cleaning is over. */
  over(): void;
}

/** Segments that may be cleaned, one behind the other. */
export interface Cleanable {
  readonly segments: readonly Segment[];
  /** Where the last of them ends. */
  readonly end: number;
  /** Where those batches begin that have not been cleaned: in the first of `dirty`. */
  readonly dirtyFrom: number;
  readonly dirty: readonly Segment[];
}

const RELATIVE_OFFSET_LIMIT = 0x7fffffff;

/** A cleaning under way. */
export class LogCleaning implements Cleaning {
  readonly #log: CleanedLog;
  readonly #cleanable: Cleanable;
  readonly #request: CleaningRequest;
  readonly #keys: KeyMap;
  /** Keys of all records below are in the map. */
  #mappedTo: number;
  /** Undefined once that is all that will be. */
  #mapping: BatchWalk | undefined;
  #rules: Rules | undefined;
  #group: Group | undefined;
  /** Segments that have been through a group, which is in their place by now. */
  #done = 0;
  #bytesBefore = 0;
  #bytesAfter = 0;
  #tombstones = 0;
  #isOver = false;

  constructor(log: CleanedLog, cleanable: Cleanable, request: CleaningRequest) {
    this.#log = log;
    this.#cleanable = cleanable;
    this.#request = request;
    this.#keys = new KeyMap(request.mapBytesMax);
    this.#mappedTo = cleanable.dirtyFrom;
    this.#mapping = new BatchWalk(log.name, cleanable.dirty, cleanable.dirtyFrom, (offset) => log.epochAt(offset));
  }

  step(bytes: number): CleaningReport | undefined {
    try {
      for (let left = bytes; left > 0 && !this.#isOver && !this.#isWaiting;) {
        left -= this.#mapping !== undefined ? this.#map(this.#mapping) : this.#rewrite();
      }
    } catch (error) {
      this.cancel();
      throw error;
    }
    this.#mapping?.rest();
    this.#group?.walk.rest();
    return this.#isOver ? this.#report() : undefined;
  }

  ready(then: () => void): void {
    if (this.#isWaiting) this.#group!.cleaned.settled(then);
    else then();
  }

  /** The group is written, and not durable yet. */
  get #isWaiting(): boolean {
    return this.#group !== undefined && this.#group.isWritten && this.#group.cleaned.isSyncing;
  }

  /**
   * Segments that begin below `offset` are about to be removed. It goes on without them; only where it is still reading their keys, it ends.
   * If every deletion ended it, a large log of which something is deleted now and then would never be cleaned.
   */
  dropBefore(offset: number): void {
    const { segments, dirty } = this.#cleanable;
    if (this.#mapping !== undefined && dirty[0]!.baseOffset < offset) return this.cancel();
    const group = this.#group;
    if (group !== undefined && group.members[0]!.baseOffset < offset) {
      this.#group = undefined; // those of its segments that stay are not done yet: they come into another
      removeQuietly(group);
    }
    while (this.#done < segments.length && segments[this.#done]!.baseOffset < offset) this.#done++;
  }

  cancel(): void {
    if (this.#isOver) return;
    const group = this.#group;
    this.#end();
    if (group !== undefined) removeQuietly(group);
  }

  /** Takes the keys of the next batch into the map; how many bytes that took. */
  #map(walk: BatchWalk): number {
    const isFull = this.#keys.isFull && this.#mappedTo > this.#cleanable.dirtyFrom; // one batch fits into any map
    if (isFull || !walk.next()) {
      this.#mapping = undefined;
      this.#rules = { ...this.#request, keys: this.#keys, mappedTo: this.#mappedTo };
      return 1;
    }
    const { header, batch } = walk;
    if (header.recordCount > 0 && !isLeftAlone(header, Infinity)) {
      walk.read(() => eachKey(batch, header, (key, offset) => this.#keys.set(key, offset)));
    }
    this.#mappedTo = walk.lastOffset + 1;
    return header.sizeInBytes;
  }

  /** Rewrites the next batch, or begins or ends a group; how many bytes that took. */
  #rewrite(): number {
    const group = this.#group ??= this.#nextGroup();
    if (group === undefined) {
      this.#log.cleaned(this.#mappedTo);
      this.#end();
      return 1;
    }
    const { walk, cleaned } = group;
    if (group.isWritten || !walk.next()) {
      if (group.isWritten) this.#putInPlace(group);
      else this.#endGroup(group);
      return 1;
    }
    const { header, batch } = walk;
    const { bytes, maxTimestamp, tombstones } = walk.read(() => rewrite(batch, header, this.#rules!));
    if (bytes === undefined) cleaned.skip(header);
    else cleaned.add(bytes, header, maxTimestamp);
    if (header.recordCount > 0 && bytes !== batch) group.isRewritten = true;
    group.tombstones += tombstones;
    if (tombstones > 0) group.tombstonesGoTo = walk.lastOffset + 1;
    return header.sizeInBytes;
  }

  /** The next segments that can become one; undefined when all have been through. */
  #nextGroup(): Group | undefined {
    const { segments, end } = this.#cleanable;
    const first = segments[this.#done];
    if (first === undefined || first.baseOffset >= this.#mappedTo) return undefined;
    const members: Segment[] = [];
    let size = 0;
    for (let at = this.#done; at < segments.length; at++) {
      const segment = segments[at]!;
      const next = segments[at + 1]?.baseOffset ?? end;
      const fits = size + segment.size <= this.#log.segmentBytes() && next - first.baseOffset <= RELATIVE_OFFSET_LIMIT;
      if (members.length > 0 && (!fits || segment.baseOffset >= this.#mappedTo)) break;
      members.push(segment);
      size += segment.size;
    }
    return {
      members,
      size,
      walk: new BatchWalk(this.#log.name, members, first.baseOffset, (offset) => this.#log.epochAt(offset)),
      cleaned: new CleanedSegment(this.#log.context, first.baseOffset),
      isRewritten: false,
      isWritten: false,
      tombstones: 0,
      tombstonesGoTo: 0,
    };
  }

  /** The group's segment is complete. If it is another than before, it becomes durable next. */
  #endGroup(group: Group): void {
    const { members, size, cleaned, isRewritten } = group;
    cleaned.flush();
    const { segment } = cleaned;
    const isSame = !isRewritten && members.length === 1 && segment.size === size;
    if (isSame) {
      this.#count(group);
      cleaned.remove();
      this.#group = undefined;
      return;
    }
    group.isWritten = true;
    cleaned.sync();
  }

  #putInPlace(group: Group): void {
    const { members, cleaned, tombstonesGoTo } = group;
    cleaned.demandDurable();
    if (tombstonesGoTo > 0) this.#log.tombstonesGo(tombstonesGoTo);
    this.#count(group);
    this.#group = undefined; // from here on it is the log's
    this.#log.putInPlace(members, cleaned.segment);
  }

  /** A group that is only written may still be dropped: what it was made from has not been through one then. */
  #count({ members, size, cleaned, tombstones }: Group): void {
    this.#done += members.length;
    this.#bytesBefore += size;
    this.#bytesAfter += cleaned.segment.size;
    this.#tombstones += tombstones;
  }

  #end(): void {
    this.#isOver = true;
    this.#mapping = undefined;
    this.#group = undefined;
    this.#log.over();
  }

  #report(): CleaningReport {
    return {
      bytesBefore: this.#bytesBefore,
      bytesAfter: this.#bytesAfter,
      cleanedTo: this.#log.cleanedTo(),
      tombstones: this.#tombstones,
    };
  }
}

function removeQuietly({ cleaned }: Group): void {
  try {
    cleaned.remove();
  } catch {
    // What the disk does not let go of is removed before the next attempt, or when the log is opened.
  }
}

/** Segments that become one. */
interface Group {
  readonly members: readonly Segment[];
  readonly size: number;
  readonly walk: BatchWalk;
  readonly cleaned: CleanedSegment;
  /** A batch is not what it was. */
  isRewritten: boolean;
  /** All of it is written. */
  isWritten: boolean;
  /** How many tombstones have gone. */
  tombstones: number;
  /** Where the last batch ends of which a tombstone has gone; 0 when none has. */
  tombstonesGoTo: number;
}
