/**
 * A file of entries of one size, appended in order and read by number: what both of Kafka's indexes are made of.
 *
 * New entries wait in memory until there are some hundred, so that an append to the log is not followed by tiny writes. An
 * index may lag behind or be lost at any time: it is rebuilt from the log.
 *
 * @module
 */
import type { Disk, DiskFile } from "./disk.ts";

const BUFFER_BYTES = 4096;

/** Entries in a file, the newest of them still in memory. */
export class IndexFile {
  readonly path: string;
  readonly entryBytes: number;
  readonly #disk: Disk;
  #file: DiskFile | undefined;
  #written: number;
  #buffer = new Uint8Array(0);
  #buffered = 0;

  /** Opens nothing yet. A last entry that is cut off does not count. */
  constructor(disk: Disk, path: string, entryBytes: number) {
    this.#disk = disk;
    this.path = path;
    this.entryBytes = entryBytes;
    this.#written = Math.floor((disk.size(path) ?? 0) / entryBytes);
  }

  /** How many entries there are. */
  get count(): number {
    return this.#written + this.#buffered;
  }

  /** Reads entry number `index` into `into`. */
  read(index: number, into: Uint8Array): void {
    if (index < this.#written) {
      this.#open().read(index * this.entryBytes, into);
    } else {
      const at = (index - this.#written) * this.entryBytes;
      into.set(this.#buffer.subarray(at, at + this.entryBytes));
    }
  }

  /** Adds an entry; `entry` may be reused. */
  append(entry: Uint8Array): void {
    const at = this.#buffered * this.entryBytes;
    if (at + this.entryBytes > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.entryBytes * 8, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer.set(entry, at);
    this.#buffered++;
    if (at + this.entryBytes >= BUFFER_BYTES) this.write();
  }

  /** Writes what waits, makes the file if there is none, and returns it: it is complete, though not yet durable. */
  write(): DiskFile {
    const file = this.#open();
    const size = this.#written * this.entryBytes;
    if (file.size() > size) file.truncate(size);
    if (this.#buffered > 0) file.append(this.#buffer.subarray(0, this.#buffered * this.entryBytes));
    this.#written += this.#buffered;
    this.#buffered = 0;
    this.#buffer = new Uint8Array(0);
    return file;
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    if (count >= this.count) return;
    if (count < this.#written) {
      this.#open().truncate(count * this.entryBytes);
      this.#written = count;
      this.#buffered = 0;
    } else {
      this.#buffered = count - this.#written;
    }
  }

  /** The file if it is open. */
  get handle(): DiskFile | undefined {
    return this.#file;
  }

  /** Gives the handle back; entries in memory stay there. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): DiskFile {
    return this.#file ??= this.#disk.open(this.path, { create: true });
  }
}

/** The number of the last of `count` entries for which `isAtMost` holds (it holds up to some entry); -1 for none. */
export function findLast(count: number, isAtMost: (index: number) => boolean): number {
  let low = -1;
  let high = count - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (isAtMost(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
