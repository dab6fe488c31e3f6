/**
 * A log in memory whose flushes end when a test says so, and whose disk fails when a test says so.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Settle } from "../../../../lib/env.ts";
import { batches, type BatchHeader } from "../../../../protocol/batch.ts";
import { records } from "../../../../protocol/records.ts";
import type { Cleaning, CleaningReport, CleaningRequest } from "../../../../storage/cleaning.ts";
import { DiskError } from "../../../../storage/disk.ts";
import type {
  Log,
  LogConfig,
  LogObserver,
  LogRead,
  LogStore,
  RecoveryReport,
  TimestampOffset,
} from "../../../../storage/log.ts";

export function diskError(message = "input/output error"): DiskError {
  return new DiskError("EIO", "t-0/0.log", message);
}

export function diskFull(): DiskError {
  return new DiskError("ENOSPC", "t-0/0.log", "no space left on device");
}

export interface StoredBatch {
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
}

type Method =
  | "append"
  | "read"
  | "offsetForTimestamp"
  | "truncateTo"
  | "restartAt"
  | "advanceStart"
  | "retain"
  | "beginCleaning"
  | "assignEpoch"
  | "configure";

export class FakeLog implements Log {
  startOffset = 0;
  flushedOffset = 0;
  batches: StoredBatch[] = [];
  epochs: { epoch: number; startOffset: number }[] = [];
  config: LogConfig;
  /** Flushes end at once. */
  flushesAtOnce = false;
  flushCount = 0;
  /** Calls that throw this. */
  readonly broken = new Map<Method, Error>();
  /** What the observer said at the start of each append, as if a segment were rolled each time. */
  readonly snapshots = new Map<number, Uint8Array>();
  readonly retained: unknown[][] = [];
  rolls = 0;
  closed: boolean | undefined;
  cleanedTo = 0;
  wasCleaned = false;
  rewrittenTo = 0;
  tombstonesGoneTo = 0;
  /** How many steps the next cleaning takes; 0: there is nothing to do. */
  cleaningSteps = 0;
  /** What cleanings were asked to do. */
  readonly cleanings: CleaningRequest[] = [];
  /** What the steps of a cleaning throw. */
  stepFailure: Error | undefined;
  /** Steps of a cleaning leave something behind that is not durable until {@linkcode FakeLog.endSync}. */
  isSyncing = false;
  #synced: (() => void)[] = [];
  recovery: RecoveryReport = { cutBytes: 0, cutReason: undefined };
  #waiting: { readonly done: Settle<void>; readonly endOffset: number }[] = [];

  constructor(readonly name: string, readonly topicId: string, config: LogConfig, public observer: LogObserver) {
    this.config = config;
  }

  get endOffset(): number {
    const last = this.batches.at(-1)?.header;
    return last === undefined ? this.startOffset : last.baseOffset + last.lastOffsetDelta + 1;
  }

  get sizeInBytes(): number {
    return this.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get latestEpoch(): number {
    return this.epochs.at(-1)?.epoch ?? -1;
  }

  append(bytes: Uint8Array, _nowMs: number): void {
    this.#refuse("append");
    this.snapshots.set(this.endOffset, this.observer.snapshot());
    for (const header of batches(bytes)) {
      const { at, baseOffset, sizeInBytes, partitionLeaderEpoch: epoch } = header;
      assert(baseOffset === this.endOffset, `appended ${baseOffset}, but the log ends at ${this.endOffset}`);
      assert(epoch >= this.latestEpoch, "leader epochs must not decrease");
      if (epoch > this.latestEpoch) this.epochs.push({ epoch, startOffset: baseOffset });
      this.batches.push({ bytes: bytes.slice(at, at + sizeInBytes), header });
    }
  }

  read(offset: number, untilOffset: number, maxBytes: number, minOneBatch: boolean): LogRead {
    this.#refuse("read");
    if (offset < this.startOffset || offset > this.endOffset) throw new RangeError(`${offset} is out of range`);
    const taken: Uint8Array[] = [];
    let size = 0;
    for (const { bytes, header } of this.batches) {
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      if (lastOffset < offset || lastOffset >= untilOffset) continue;
      if (size + bytes.length > maxBytes && !(minOneBatch && size === 0)) break;
      taken.push(bytes);
      size += bytes.length;
    }
    const all = new Uint8Array(size);
    let at = 0;
    for (const bytes of taken) {
      all.set(bytes, at);
      at += bytes.length;
    }
    return { bytes: all };
  }

  flush(done: Settle<void>): void {
    this.flushCount++;
    this.#waiting.push({ done, endOffset: this.endOffset });
    if (this.flushesAtOnce) this.endFlush();
  }

  /** Lets the oldest flush end. */
  endFlush(error?: Error): void {
    const { done, endOffset } = this.#waiting.shift()!;
    if (error === undefined) this.flushedOffset = Math.max(this.flushedOffset, endOffset);
    done(error === undefined ? { ok: true, value: undefined } : { ok: false, error });
  }

  get flushing(): number {
    return this.#waiting.length;
  }

  truncateTo(offset: number): void {
    this.#refuse("truncateTo");
    if (offset < this.endOffset) {
      this.batches = this.batches.filter(({ header }) => header.baseOffset + header.lastOffsetDelta < offset);
      this.flushedOffset = this.endOffset;
      this.#restore();
    }
    this.epochs = this.epochs.filter(({ startOffset }) => startOffset < this.endOffset);
  }

  restartAt(offset: number): void {
    this.#refuse("restartAt");
    this.batches = [];
    this.epochs = [];
    this.startOffset = this.flushedOffset = offset;
    this.#restore();
  }

  advanceStart(offset: number): void {
    this.#refuse("advanceStart");
    assert(offset <= this.endOffset, `the start cannot be ${offset}: the log ends at ${this.endOffset}`);
    this.startOffset = Math.max(this.startOffset, offset);
  }

  retain(...args: [number, number, number, number]): number {
    this.#refuse("retain");
    this.retained.push(args);
    return 0;
  }

  rollIfDue(_nowMs: number): void {
    this.rolls++;
  }

  beginCleaning(request: CleaningRequest): Cleaning | undefined {
    this.#refuse("beginCleaning");
    this.cleanings.push(request);
    let left = this.cleaningSteps;
    if (left === 0) return undefined;
    return {
      ready: (then) => this.isSyncing ? this.#synced.push(then) : then(),
      step: (): CleaningReport | undefined => {
        if (this.stepFailure !== undefined) throw this.stepFailure;
        if (--left > 0) return undefined;
        this.cleanedTo = request.untilOffset;
        return { bytesBefore: 0, bytesAfter: 0, cleanedTo: this.cleanedTo, tombstones: 0 };
      },
      cancel: () => left = 0,
    };
  }

  fillWithout(tombstonesBelow: number): void {
    this.tombstonesGoneTo = Math.max(tombstonesBelow, Math.min(this.tombstonesGoneTo, this.endOffset));
  }

  endSync(): void {
    this.isSyncing = false;
    for (const then of this.#synced.splice(0)) then();
  }

  offsetForTimestamp(timestamp: number, untilOffset: number): TimestampOffset | undefined {
    this.#refuse("offsetForTimestamp");
    return this.#times(untilOffset).find((found) => found.timestamp >= timestamp);
  }

  offsetOfMaxTimestamp(untilOffset: number): TimestampOffset | undefined {
    const times = this.#times(untilOffset);
    const max = Math.max(...times.map(({ timestamp }) => timestamp));
    return times.find(({ timestamp }) => timestamp === max);
  }

  #times(untilOffset: number): TimestampOffset[] {
    return this.batches.flatMap(({ bytes, header }) =>
      [...records(bytes)].map(({ offset, timestamp }) => ({
        timestamp,
        offset,
        leaderEpoch: header.partitionLeaderEpoch,
      }))
    ).filter(({ offset }) => offset >= this.startOffset && offset < untilOffset);
  }

  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    if (epoch > this.latestEpoch) return undefined;
    const at = this.epochs.findLastIndex((entry) => entry.epoch <= epoch);
    return { epoch: this.epochs[at]?.epoch ?? epoch, endOffset: this.epochs[at + 1]?.startOffset ?? this.endOffset };
  }

  epochAt(offset: number): number {
    return this.epochs.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1;
  }

  assignEpoch(epoch: number, startOffset: number): void {
    this.#refuse("assignEpoch");
    assert(epoch > this.latestEpoch && startOffset === this.endOffset, `epoch ${epoch} at ${startOffset}`);
    this.epochs.push({ epoch, startOffset });
  }

  configure(config: LogConfig): void {
    this.#refuse("configure");
    this.config = config;
  }

  close(clean: boolean): void {
    assert(this.closed === undefined, "closed twice");
    if (clean) this.flushedOffset = this.endOffset;
    this.closed = clean;
  }

  #restore(): void {
    this.observer.load(undefined, this.startOffset);
    for (const { header } of this.batches) this.observer.recovered(header);
  }

  #refuse(method: Method): void {
    const error = this.broken.get(method);
    if (error !== undefined) throw error;
  }
}

export class FakeStore implements LogStore {
  readonly logs = new Map<string, FakeLog>();
  readonly highWatermarks = new Map<string, number>();
  readonly deleted: string[] = [];
  /** What `open` throws. */
  refusal: Error | undefined;
  /** What a power loss left of a log that is opened: called before it is. */
  onOpen: ((log: FakeLog) => void) | undefined;
  onDelete: (() => void) | undefined;

  open(name: string, topicId: string, config: LogConfig, observer: LogObserver): Log {
    if (this.refusal !== undefined) throw this.refusal;
    const log = this.logs.get(name) ?? new FakeLog(name, topicId, config, observer);
    this.logs.set(name, log);
    log.observer = observer;
    log.closed = undefined;
    this.onOpen?.(log);
    observer.load(undefined, log.startOffset);
    for (const { header } of log.batches) observer.recovered(header);
    return log;
  }

  delete(name: string): void {
    assert(this.logs.get(name)?.closed !== undefined, "only a closed log may be deleted");
    this.onDelete?.();
    this.logs.delete(name);
    this.deleted.push(name);
  }

  list(): { readonly name: string; readonly topicId: string }[] {
    return [...this.logs.values()];
  }

  highWatermark(name: string): number {
    return this.highWatermarks.get(name) ?? 0;
  }

  setHighWatermark(name: string, offset: number): void {
    this.highWatermarks.set(name, offset);
  }

  checkpoint(): void {}
}
