/**
 * A disk in memory that fails as real ones do: it loses power, refuses calls, runs full, is slow, and rots.
 *
 *     on ──losePower, or the call given to cutPowerAt──▶ off (every call fails) ──losePower──▶ on, with what was durable
 *
 * Everything it does follows from its calls and from the chance it is given: the same seed fails the same way. Short reads
 * are not among the faults, since the contract of a disk rules them out.
 *
 * @module
 */
import type { Clock, Settle } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile } from "./disk.ts";
import { type Edit, VolatileFile, VolatileFolder, type VolatileNode, VolatileTree } from "./volatile_files.ts";

/** What a disk can be asked to do. */
export type DiskOperation =
  | "create"
  | "append"
  | "write"
  | "read"
  | "truncate"
  | "sync"
  | "makeFolder"
  | "rename"
  | "remove"
  | "syncFolder";

/** A fault to come. */
export interface DiskFault {
  readonly operation: DiskOperation;
  /** Which files or folders. @default all */
  readonly path?: RegExp;
  readonly code: DiskErrorCode;
  /** So many calls go well before. @default 0 */
  readonly after?: number;
  /** How many calls fail. @default all from then on */
  readonly times?: number;
}

/** What a faulty disk is made with. */
export interface FaultyDiskOptions {
  /** What messages to people call it. @default "faulty" */
  readonly root?: string;
  /** For slow syncs. */
  readonly clock?: Clock;
  /** How long the next sync takes, in ms. @default nothing: it settles before it returns */
  readonly syncDelayMs?: () => number;
}

const DONE = { ok: true, value: undefined } as const;

/**
 * A disk that fails on demand.
 *
 * @example
 * ```ts
 * import { SeededRandom } from "../lib/prng.ts";
 * import { FaultyDisk } from "./faulty_disk.ts";
 *
 * const disk = new FaultyDisk();
 * disk.open("a", { create: true }).append(new Uint8Array(9000));
 * disk.losePower(new SeededRandom(1)); // nothing was synced: anything from nothing to all of it may be left
 * console.assert((disk.size("a") ?? 0) <= 9000);
 * ```
 */
export class FaultyDisk implements Disk {
  readonly root: string;
  /** How many bytes fit; beyond, writes fail with ENOSPC after writing what fits. */
  capacityBytes = Infinity;
  readonly #options: FaultyDiskOptions;
  readonly #tree = new VolatileTree();
  readonly #locks = new Set<string>();
  #faults: { readonly fault: DiskFault; seen: number }[] = [];
  #calls = 0;
  #lastCall = Infinity;
  #session = {};

  constructor(options: FaultyDiskOptions = {}) {
    this.root = options.root ?? "faulty";
    this.#options = options;
  }

  /** How many calls there were that change something or make it durable. */
  get calls(): number {
    return this.#calls;
  }

  /** The call with that number (see {@linkcode FaultyDisk.calls}) and all after it fail: the power is off. */
  cutPowerAt(call: number): void {
    this.#lastCall = call - 1;
  }

  /** Adds a fault to come; the returned function takes it back. */
  plan(fault: DiskFault): () => void {
    const planned = { fault, seen: 0 };
    this.#faults.push(planned);
    return () => this.#faults = this.#faults.filter((each) => each !== planned);
  }

  /** The power fails and comes back: open handles and locks are gone, and so is some of what was not synced. */
  losePower(random: Random): void {
    this.#session = {};
    this.#locks.clear();
    this.#lastCall = Infinity;
    this.#tree.losePower(random);
  }

  /** Flips bits of a byte in a file. */
  corrupt(path: string, position: number, mask: number): void {
    this.#file(path, "corrupt").flip(position, mask);
  }

  /** The paths of all files. */
  files(): string[] {
    return this.#tree.files().map(([path]) => path);
  }

  open(path: string, { create }: { readonly create: boolean }): DiskFile {
    if (create && this.#tree.find(path) === undefined) {
      this.#step("create", path);
      const { folder, name } = this.#place(path, "create");
      this.#tree.edit([{ folder, name, node: new VolatileFile() }]);
    }
    const session = this.#session;
    const step: Step = (operation, onFault) => {
      if (session !== this.#session) throw refuse("EIO", operation, path, "the power has failed since it was opened");
      this.#step(operation, path, onFault);
    };
    return new FaultyFile(path, this.#file(path, "open"), step, () => this.#free(), (settle, file) => {
      const delayMs = this.#options.syncDelayMs?.();
      const { clock } = this.#options;
      const mark = file.mark;
      const end = (): void => {
        if (session !== this.#session || this.#calls > this.#lastCall) return;
        file.settle(mark, true);
        settle(DONE);
      };
      if (clock === undefined || delayMs === undefined) end();
      else clock.after(delayMs, end);
    });
  }

  readFile(path: string): Uint8Array | undefined {
    const file = this.#tree.find(path);
    if (!(file instanceof VolatileFile)) return undefined;
    this.#step("read", path);
    return file.seen.toBytes();
  }

  list(path: string): string[] {
    const folder = this.#tree.find(path);
    return folder instanceof VolatileFolder ? [...folder.seen.keys()].sort() : [];
  }

  isFolder(path: string): boolean {
    return this.#tree.find(path) instanceof VolatileFolder;
  }

  size(path: string): number | undefined {
    const file = this.#tree.find(path);
    return file instanceof VolatileFile ? file.seen.size : undefined;
  }

  makeFolder(path: string): void {
    const parts = path.split("/");
    for (let count = 1; count <= parts.length; count++) {
      const part = parts.slice(0, count).join("/");
      const there = this.#tree.find(part);
      if (there instanceof VolatileFile) throw refuse("EEXIST", "make the folder", part, "a file is there");
      if (there !== undefined) continue;
      this.#step("makeFolder", part);
      this.#tree.edit([{ ...this.#place(part, "make the folder"), node: new VolatileFolder() }]);
    }
  }

  rename(from: string, to: string): void {
    const node = this.#tree.find(from);
    if (node === undefined) throw refuse("ENOENT", "rename", from, "it is not there");
    const there = this.#tree.find(to);
    if (there instanceof VolatileFolder && there.seen.size > 0) {
      throw refuse("EEXIST", "rename", from, `the folder ${to} is not empty`);
    }
    this.#step("rename", from);
    const gone: Edit = { ...this.#place(from, "rename"), node: undefined };
    this.#tree.edit([gone, { ...this.#place(to, "rename"), node }]);
  }

  remove(path: string): void {
    const node = this.#tree.find(path);
    if (node instanceof VolatileFolder) { for (const name of this.list(path)) this.remove(`${path}/${name}`); }
    if (node === undefined) return;
    this.#step("remove", path);
    this.#tree.edit([{ ...this.#place(path, "remove"), node: undefined }]);
  }

  syncFolder(path: string): void {
    const folder = this.#tree.find(path);
    if (!(folder instanceof VolatileFolder)) throw refuse("ENOENT", "sync", path, "there is no such folder");
    this.#step("syncFolder", path);
    this.#tree.sync(folder);
  }

  lock(path: string): () => void {
    if (this.#locks.has(path)) throw refuse("ELOCKED", "lock", path, "somebody else has it");
    this.open(path, { create: true });
    this.#locks.add(path);
    const session = this.#session;
    return () => {
      if (session === this.#session) this.#locks.delete(path);
    };
  }

  #file(path: string, what: string): VolatileFile {
    const node = this.#tree.find(path);
    if (node instanceof VolatileFile) return node;
    throw refuse(
      node === undefined ? "ENOENT" : "EOTHER",
      what,
      path,
      node ? "it is a folder" : "there is no such file",
    );
  }

  #place(path: string, what: string): { readonly folder: VolatileFolder; readonly name: string } {
    const at = path.lastIndexOf("/");
    const folder: VolatileNode | undefined = this.#tree.find(path.slice(0, Math.max(0, at)));
    if (!(folder instanceof VolatileFolder)) throw refuse("ENOENT", what, path, "there is no such folder");
    return { folder, name: path.slice(at + 1) };
  }

  #free(): number {
    if (this.capacityBytes === Infinity) return Infinity;
    return this.capacityBytes - this.#tree.files().reduce((sum, [, file]) => sum + file.seen.size, 0);
  }

  /** Counts a call and lets it fail if it is to. */
  #step(operation: DiskOperation, path: string, onFault?: () => void): void {
    if (operation !== "read") this.#calls++;
    if (this.#calls > this.#lastCall) throw refuse("EIO", operation, path, "the power is off");
    for (const planned of this.#faults) {
      const { fault } = planned;
      if (fault.operation !== operation || !(fault.path?.test(path) ?? true)) continue;
      const number = planned.seen++ - (fault.after ?? 0);
      if (number >= 0 && number < (fault.times ?? Infinity)) {
        onFault?.();
        throw refuse(fault.code, operation, path, "a fault was planned for it");
      }
    }
  }
}

function refuse(code: DiskErrorCode, what: string, path: string, why: string): DiskError {
  return new DiskError(code, path, `Cannot ${what} ${path}: ${why}.`);
}

/** Goes before a call on an open file; `onFault` runs when a planned fault meets it, not when the power is off. */
type Step = (operation: DiskOperation, onFault?: () => void) => void;

class FaultyFile implements DiskFile {
  readonly path: string;
  readonly #file: VolatileFile;
  readonly #step: Step;
  readonly #free: () => number;
  readonly #settleLater: (done: Settle<void>, file: VolatileFile) => void;
  #closed = false;

  constructor(
    path: string,
    file: VolatileFile,
    step: Step,
    free: () => number,
    settleLater: (done: Settle<void>, file: VolatileFile) => void,
  ) {
    this.path = path;
    this.#file = file;
    this.#step = step;
    this.#free = free;
    this.#settleLater = settleLater;
  }

  size(): number {
    this.#demandOpen();
    return this.#file.seen.size;
  }

  append(bytes: Uint8Array): void {
    this.#begin("append");
    this.#write(this.#file.seen.size, bytes);
  }

  write(position: number, bytes: Uint8Array): void {
    this.#begin("write");
    if (position > this.#file.seen.size) throw refuse("EOTHER", "write", this.path, `it ends before ${position}`);
    this.#write(position, bytes);
  }

  read(position: number, into: Uint8Array): number {
    this.#begin("read");
    return this.#file.seen.read(position, into);
  }

  truncate(size: number): void {
    this.#demandOpen();
    if (size >= this.#file.seen.size) return;
    this.#begin("truncate");
    this.#file.truncate(size);
  }

  sync(done: Settle<void>): void {
    try {
      this.#beginSync();
    } catch (error) {
      return done({ ok: false, error: error as Error });
    }
    this.#settleLater(done, this.#file);
  }

  syncNow(): void {
    this.#beginSync();
    this.#file.settle(this.#file.mark, true);
  }

  close(): void {
    this.#closed = true;
  }

  /** A sync that fails loses what it was to make durable; the system calls it clean and never writes it again. */
  #beginSync(): void {
    this.#begin("sync", () => this.#file.settle(this.#file.mark, false));
  }

  #write(position: number, bytes: Uint8Array): void {
    const room = Math.max(0, this.#free());
    const fits = position + bytes.length - this.#file.seen.size <= room;
    if (fits) return this.#file.write(position, bytes);
    this.#file.write(position, bytes.subarray(0, this.#file.seen.size - position + room));
    throw refuse("ENOSPC", "write", this.path, "no space is left on the device");
  }

  #begin(operation: DiskOperation, onFault?: () => void): void {
    this.#demandOpen();
    this.#step(operation, onFault);
  }

  #demandOpen(): void {
    if (this.#closed) throw refuse("EOTHER", "use", this.path, "the handle is closed");
  }
}
