/**
 * The saved states of a log's observer: `<offset>.snapshot` holds what was derived from all batches below that offset.
 *
 * One is saved whenever a segment begins and at a clean close. The newest that is not above the log's end and that the
 * observer accepts is where recovery goes on from; a damaged one costs time, never truth.
 *
 * @module
 */
import type { Disk, DiskFile } from "./disk.ts";
import type { LogObserver } from "./log.ts";
import { fileName } from "./segment.ts";

/** The snapshots in a log's folder. */
export class Snapshots {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** The offsets of those there are, ascending. */
  offsets(): number[] {
    return this.#disk.list(this.#folder)
      .filter((name) => /^\d{20}\.snapshot$/.test(name))
      .map((name) => Number(name.slice(0, 20)));
  }

  /** Writes a snapshot; its file is open and not durable yet. */
  save(offset: number, state: Uint8Array): DiskFile {
    const file = this.#disk.open(this.#path(offset), { create: true });
    try {
      file.truncate(0);
      file.append(state);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Writes a snapshot once more, the same bytes in the same place, and returns its file: it is open and not durable yet. */
  writeAgain(offset: number): DiskFile {
    const state = this.#disk.readFile(this.#path(offset));
    const file = this.#disk.open(this.#path(offset), { create: false });
    if (state !== undefined) file.write(0, state);
    return file;
  }

  /**
   * Loads the newest usable snapshot at or below `endOffset`, or none; returns the offset from which batches must follow.
   *
   * @param firstOffset where the first batch begins that is still there
   */
  restore(observer: LogObserver, firstOffset: number, endOffset: number): number {
    for (const offset of this.offsets().reverse()) {
      if (offset > endOffset) continue;
      const state = this.#disk.readFile(this.#path(offset));
      if (state !== undefined && observer.load(state, offset)) return Math.max(offset, firstOffset);
    }
    observer.load(undefined, firstOffset);
    return firstOffset;
  }

  /** Removes those for which `isStale` holds; returns how many. */
  remove(isStale: (offset: number) => boolean): number {
    const stale = this.offsets().filter(isStale);
    for (const offset of stale) this.#disk.remove(this.#path(offset));
    return stale.length;
  }

  #path(offset: number): string {
    return `${this.#folder}/${fileName(offset, "snapshot")}`;
  }
}
