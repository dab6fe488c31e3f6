/**
 * A disk as the log needs it: files that grow at the end, are read anywhere, and can be made durable.
 *
 * Three implementations pass one contract suite: memory, files, and a faulty one that loses or tears what was not
 * synced when it "loses power". Writing is synchronous, because a write into the page cache costs microseconds and the
 * order of bytes must be the order of calls; making durable takes as long as the medium does and settles later.
 *
 * Invariant: after a failed sync nothing is known about the bytes since the last good one; callers must give up on the file.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";

/** Why the disk refused. `code` is the operating system's name for it where there is one. */
export type DiskErrorCode = "EIO" | "ENOSPC" | "ENOENT" | "EEXIST" | "EACCES" | "ENOTDIR" | "ELOCKED" | "EOTHER";

/** An operating error of a disk: names the path and what was tried. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  constructor(readonly code: DiskErrorCode, readonly path: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** One open file. Offsets and sizes are in bytes. */
export interface DiskFile {
  readonly path: string;
  /** Current size, written or not yet durable. */
  size(): number;
  /** Writes all of `bytes` at the end, or throws and may have written a part. The caller may reuse `bytes` afterwards. */
  append(bytes: Uint8Array): void;
  /** Overwrites at `position`, which must not lie beyond the end. */
  write(position: number, bytes: Uint8Array): void;
  /** Reads into `into` from `position`; returns how many bytes there were (0 at the end). */
  read(position: number, into: Uint8Array): number;
  /** Cuts the file to `size` bytes; does nothing when it is no larger. */
  truncate(size: number): void;
  /** Makes everything written so far durable, size included; settles when it is, perhaps before this returns. */
  sync(done: Settle<void>): void;
  /** The same, at once. */
  syncNow(): void;
  /** Gives the handle back. A sync under way still settles. */
  close(): void;
}

/** A folder tree. Paths are relative to its root, with `/` between the parts. */
export interface Disk {
  /** Where the root is, for messages to people. */
  readonly root: string;
  /** Opens for reading and writing; creates the file when `create` is set, else a missing file is ENOENT. */
  open(path: string, options: { readonly create: boolean }): DiskFile;
  /** Whole content, or undefined when there is no such file. */
  readFile(path: string): Uint8Array | undefined;
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(path: string): string[];
  isFolder(path: string): boolean;
  /** Size of a file in bytes, or undefined when there is none. */
  size(path: string): number | undefined;
  makeFolder(path: string): void;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): void;
  /** Removes a file or a whole folder; nothing there is fine. */
  remove(path: string): void;
  /** Makes creations, renames and removals in a folder durable. */
  syncFolder(path: string): void;
  /** Takes an exclusive lock on a file (created if missing); throws ELOCKED when somebody else has it. */
  lock(path: string): () => void;
}
