/**
 * How much of a log is durable, and whether it can be gone on with.
 *
 *     append ──touch──▶ dirty files ──flush (group commit): segments, indexes, snapshots, the folder──▶ flushedOffset moves
 *                          └── a write or sync that failed ──▶ nothing is written any more, and nothing called durable
 *
 * Invariant: `flushedOffset` never lies above what was written before the sync began that made it durable.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";
import { type Disk, DiskError, type DiskFile } from "./disk.ts";
import { closedError, GroupCommit } from "./group_commit.ts";
import type { Segment } from "./segment.ts";

/** What is kept durable. */
export interface DurableLog {
  readonly disk: Disk;
  /** The folder, which is also the log's name. */
  readonly name: string;
  /** Where the log ends now. */
  endOffset(): number;
  /** So many bytes more are durable; `rolled` when segments were sealed among them. */
  flushed(bytes: number, rolled: boolean): void;
}

/** The durability of one log. */
export class LogDurability {
  readonly #log: DurableLog;
  readonly #commit: GroupCommit;
  #flushedOffset = 0;
  #bytesSinceFlush = 0;
  #rolledSinceFlush = false;
  #folderIsDirty = false;
  #closed = false;

  constructor(log: DurableLog) {
    this.#log = log;
    this.#commit = new GroupCommit({ begin: () => this.#beginSync(), durable: (mark) => this.#moveFlushed(mark) });
  }

  /** Everything below is durable. */
  get flushedOffset(): number {
    return this.#flushedOffset;
  }

  /** Nothing has failed, and it is not closed. */
  get isUsable(): boolean {
    return !this.#closed && this.#commit.failure === undefined;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get folderIsDirty(): boolean {
    return this.#folderIsDirty;
  }

  /** What opening the log has found, or a new start has made, is durable up to there. */
  begin(flushedOffset: number): void {
    this.#flushedOffset = flushedOffset;
  }

  /** Whether a file must stay open because it is not durable yet. */
  isPinned(file: DiskFile): boolean {
    return this.#commit.isPinned(file);
  }

  /** Batches were appended to a segment. */
  appended(segment: Segment, bytes: number): void {
    this.#commit.touch(segment.file);
    this.#bytesSinceFlush += bytes;
  }

  /** A segment was sealed, and another begun behind it. */
  rolled(): void {
    this.#rolledSinceFlush = true;
  }

  /** A segment's files are to be made durable; its indexes too when they are to be `complete`. */
  touch(segment: Segment, complete: boolean): void {
    this.#commit.touch(segment.file);
    if (complete) { for (const file of segment.seal()) this.#commit.touch(file); }
    this.#folderIsDirty = true;
  }

  /** A file that nobody needs open once it is durable. */
  touchAndClose(file: DiskFile): void {
    this.#commit.touchAndClose(file);
  }

  /** Names have changed in the folder. */
  touchFolder(): void {
    this.#folderIsDirty = true;
  }

  /** A segment is about to go: its files need not become durable. */
  forget(segment: Segment): void {
    for (const file of segment.handles()) this.#commit.forget(file);
  }

  /** Settles once everything touched so far is durable. */
  flush(done: Settle<void>): void {
    if (this.#closed) return done({ ok: false, error: closedError(this.#log.name) });
    this.#commit.flush(done);
  }

  /** Makes everything durable before it returns. */
  syncNow(): void {
    this.#syncFolder(); // first: the other settles those who wait
    this.#commit.syncNow();
    this.#flushedOffset = this.#log.endOffset();
    this.#bytesSinceFlush = 0;
    this.#rolledSinceFlush = false;
  }

  /** After this nothing more is written. */
  fail(error: Error): void {
    this.#commit.fail(error);
  }

  /** Nothing more comes. Whoever waits for a flush hears of it. */
  close(): void {
    this.#commit.fail(closedError(this.#log.name));
    this.#closed = true;
  }

  /** Throws when nothing may be written or read any more. */
  demandUsable(): void {
    const { name } = this.#log;
    if (this.#closed) throw closedError(name);
    const failure = this.#commit.failure;
    if (failure === undefined) return;
    const message = `The log ${name} takes nothing more since its disk failed. ${failure.message}`;
    throw new DiskError("EIO", name, message, { cause: failure });
  }

  /** Half a change cannot be gone on with: an error in the middle ends the log. */
  orFail(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.#commit.fail(error as Error);
      throw error;
    }
  }

  /** The same for a change that a full disk leaves undone, so that it can be tried again. */
  orFailUnlessFull(change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!isFull(error)) this.#commit.fail(error as Error);
      throw error;
    }
  }

  #beginSync(): number {
    this.#syncFolder();
    return this.#log.endOffset();
  }

  #moveFlushed(mark: number): void {
    const bytes = this.#bytesSinceFlush;
    this.#flushedOffset = mark;
    this.#bytesSinceFlush = 0;
    const rolled = this.#rolledSinceFlush;
    this.#rolledSinceFlush = false;
    this.#log.flushed(bytes, rolled);
  }

  #syncFolder(): void {
    if (!this.#folderIsDirty) return;
    this.#log.disk.syncFolder(this.#log.name);
    this.#folderIsDirty = false;
  }
}

/** Whether it says that the disk is full. */
export function isFull(error: unknown): boolean {
  return error instanceof DiskError && error.code === "ENOSPC";
}
