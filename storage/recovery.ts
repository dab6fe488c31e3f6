/**
 * Finds out, when a log is opened, what of it is there: which segments, where the sound batches end, which epochs.
 *
 *     startOffset ──────────── recoveryPoint ──────────────── end of the files
 *         │ durable: trusted, not read  │ every batch checked; the first bad one
 *         │ a bad batch is bit rot      │ is the torn tail: it and all after it go
 *
 * Invariant: nothing below the recovery point is ever cut. What is missing or damaged there is a `CorruptLogError`.
 *
 * @module
 */
import type { BatchHeader } from "../protocol/batch.ts";
import { finishSwaps } from "./cleaner/swap.ts";
import type { EpochCache } from "./epoch_cache.ts";
import type { CorruptLogError } from "./log.ts";
import { corruptLog, fileName, Segment, type SegmentContext, type SegmentScan } from "./segment.ts";

/** What is known before a log's files are looked at. */
export interface RecoveryInput {
  readonly context: SegmentContext;
  /** Everything below was durable when this was written down. */
  readonly recoveryPoint: number;
  /** First readable offset; undefined when it was never written down. */
  readonly startOffset: number | undefined;
  /** The broker stopped in good order: indexes are complete. */
  readonly clean: boolean;
  readonly epochs: EpochCache;
}

/** What was found. */
export interface Recovered {
  /** At least one, by offset; the last is the active one. */
  readonly segments: Segment[];
  readonly startOffset: number;
  readonly endOffset: number;
  /** Segments whose files have to be made durable. */
  readonly unsynced: readonly Segment[];
  /** Bytes of the torn tail that was cut off. */
  readonly cutBytes: number;
  /** Why it was cut; undefined when it was not. */
  readonly cutReason: string | undefined;
}

const LEFTOVER = /^\d{20}\.\w+\.(deleted|cleaned|swap|tmp)$|\.tmp$/;

/**
 * Looks through a log's folder.
 *
 * @throws {CorruptLogError} something below the recovery point is damaged or missing
 */
export function recoverSegments(input: RecoveryInput): Recovered {
  return new Recovery(input).run();
}

class Recovery {
  readonly #input: RecoveryInput;
  readonly #context: SegmentContext;
  readonly #unsynced = new Set<Segment>();
  #segments: Segment[] = [];
  #startOffset = 0;
  #endOffset = 0;
  #epoch = -1;
  #trustEpochs = false;
  #cutBytes = 0;
  #cutReason: string | undefined;

  constructor(input: RecoveryInput) {
    this.#input = input;
    this.#context = input.context;
  }

  run(): Recovered {
    this.#segments = this.#find().map((baseOffset) => new Segment(this.#context, baseOffset));
    this.#startOffset = this.#input.startOffset ?? this.#segments[0]?.baseOffset ?? 0;
    this.#removeBelowStart();
    this.#demandHead();
    this.#prepareEpochs();
    this.#endOffset = this.#startOffset;
    for (let index = 0; index < this.#segments.length; index++) this.#check(index);
    if (this.#endOffset < this.#startOffset) this.#restart();
    if (this.#endOffset < this.#input.recoveryPoint) throw this.#missing(this.#endOffset);
    this.#input.epochs.truncateFromStart(this.#startOffset);
    if (this.#segments.length === 0) this.#begin(this.#startOffset);
    return {
      segments: this.#segments,
      startOffset: this.#startOffset,
      endOffset: this.#endOffset,
      unsynced: [...this.#unsynced],
      cutBytes: this.#cutBytes,
      cutReason: this.#cutReason,
    };
  }

  /** Base offsets of the segments there are; what an interrupted operation left behind is finished or removed. */
  #find(): number[] {
    const { disk, folder } = this.#context;
    let names = disk.list(folder);
    if (finishSwaps(disk, folder, names)) names = disk.list(folder);
    const segments = new Set(names.filter((name) => /^\d{20}\.log$/.test(name)));
    for (const name of names) {
      const orphan = /^\d{20}\.(index|timeindex|txnindex)$/.test(name) && !segments.has(`${name.slice(0, 20)}.log`);
      if (orphan || LEFTOVER.test(name)) disk.remove(`${folder}/${name}`);
    }
    return [...segments].map((name) => Number(name.slice(0, 20)));
  }

  /** The start moves durably before the segments below it are removed, so a crash may have brought some of them back. */
  #removeBelowStart(): void {
    const first = this.#segments.findLastIndex((segment) => segment.baseOffset <= this.#startOffset);
    for (const segment of this.#segments.splice(0, Math.max(0, first))) segment.remove();
  }

  #demandHead(): void {
    const first = this.#segments[0];
    if (first === undefined || first.baseOffset <= this.#startOffset) return;
    if (this.#startOffset < this.#input.recoveryPoint) throw this.#missing(this.#startOffset);
    this.#cut(0, 0, this.#startOffset, `is missing: the first segment begins at ${first.baseOffset}`);
  }

  /** Epochs above the recovery point are taken from the batches; all of them, if the file does not reach to the start. */
  #prepareEpochs(): void {
    const { epochs, recoveryPoint, clean } = this.#input;
    epochs.truncateFromEnd(clean ? recoveryPoint + 1 : recoveryPoint);
    const first = epochs.entries[0];
    this.#trustEpochs = first !== undefined && first.startOffset <= this.#startOffset;
    if (!this.#trustEpochs) epochs.clear();
  }

  #check(index: number): void {
    const segment = this.#segments[index]!;
    const next = this.#segments[index + 1];
    if (index > 0 && segment.baseOffset !== this.#endOffset) {
      if (this.#endOffset < this.#input.recoveryPoint) throw this.#missing(this.#endOffset);
      return this.#cut(index, 0, this.#endOffset, `is missing: the next segment begins at ${segment.baseOffset}`);
    }
    const isDurable = next !== undefined && next.baseOffset <= this.#input.recoveryPoint;
    if (isDurable && this.#trustEpochs && segment.hasIndexes() && segment.findEnd() === next.baseOffset) {
      this.#endOffset = next.baseOffset;
      this.#epoch = this.#input.epochs.spanAt(this.#endOffset - 1).epoch;
      return;
    }
    const scan = this.#scan(segment, next !== undefined);
    this.#endOffset = scan.nextOffset;
    this.#epoch = scan.epoch;
    if (scan.problem === undefined) return;
    if (scan.nextOffset < this.#input.recoveryPoint) {
      throw corruptLog(this.#context.folder, segment.path, scan.position, scan.problem);
    }
    this.#cut(index, scan.position, scan.nextOffset, scan.problem);
  }

  #scan(segment: Segment, isSealed: boolean): SegmentScan {
    const options = {
      epoch: this.#epoch,
      verifyFrom: this.#input.recoveryPoint,
      onBatch: (header: BatchHeader) => this.#learn(segment, header),
    };
    const { clean, recoveryPoint } = this.#input;
    const light = clean && !isSealed && this.#trustEpochs && segment.hasIndexes();
    const tail = light ? segment.scanTail(options) : undefined;
    const scan = tail ?? segment.scan(options);
    if (tail === undefined || scan.nextOffset > recoveryPoint) this.#unsynced.add(segment);
    return scan;
  }

  #learn(segment: Segment, header: BatchHeader): void {
    const { epochs, recoveryPoint } = this.#input;
    const { partitionLeaderEpoch, baseOffset, lastOffsetDelta } = header;
    if (!this.#trustEpochs || baseOffset >= recoveryPoint) return epochs.assign(partitionLeaderEpoch, baseOffset);
    const known = epochs.spanAt(baseOffset + lastOffsetDelta).epoch;
    if (known === partitionLeaderEpoch || baseOffset + lastOffsetDelta < this.#startOffset) return;
    const problem = `with offset ${baseOffset} has leader epoch ${partitionLeaderEpoch} where ${known} was`;
    throw corruptLog(this.#context.folder, segment.path, segment.locate(baseOffset), problem);
  }

  /** Cuts the segment at `position` and removes all after it. With nothing left of it, it goes too. */
  #cut(index: number, position: number, offset: number, reason: string): void {
    const segments = this.#segments.splice(index);
    this.#cutReason = `The batch with offset ${offset} ${reason}.`;
    this.#cutBytes = segments.reduce((sum, { size }) => sum + size, -position);
    for (const segment of segments.slice(1).reverse()) this.#remove(segment);
    const first = segments[0]!;
    if (first.baseOffset !== offset && position === 0) return this.#remove(first);
    if (position < first.size) first.truncateTo(position, offset);
    this.#segments.push(first);
    this.#unsynced.add(first);
  }

  /** The log was about to begin anew above its end when the crash came: it begins anew. */
  #restart(): void {
    if (this.#startOffset < this.#input.recoveryPoint) throw this.#missing(this.#endOffset);
    for (const segment of this.#segments.splice(0).reverse()) this.#remove(segment);
    this.#input.epochs.clear();
    this.#endOffset = this.#startOffset;
  }

  #begin(offset: number): void {
    const segment = new Segment(this.#context, offset, true);
    this.#segments.push(segment);
    this.#unsynced.add(segment);
  }

  #remove(segment: Segment): void {
    this.#unsynced.delete(segment);
    segment.remove();
  }

  #missing(offset: number): CorruptLogError {
    const file = `${this.#context.folder}/${fileName(offset, "log")}`;
    return corruptLog(
      this.#context.folder,
      file,
      0,
      `is missing, though all below offset ${this.#input.recoveryPoint} is to be there`,
    );
  }
}
