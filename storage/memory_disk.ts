/**
 * A disk in memory: for tests, and for brokers that need not outlive their process.
 *
 * Everything written is as durable as it will ever be, so a sync settles before it returns. A file that is removed or
 * replaced stays readable through the handles that are open, as POSIX has it.
 *
 * @module
 */
import type { Settle } from "../lib/env.ts";
import { type Disk, DiskError, type DiskFile } from "./disk.ts";
import { GrowingBytes } from "./growing_bytes.ts";

const DONE = { ok: true, value: undefined } as const;

/**
 * Files in memory.
 *
 * @example
 * ```ts
 * import { MemoryDisk } from "./memory_disk.ts";
 *
 * const disk = new MemoryDisk();
 * disk.makeFolder("orders-0");
 * const file = disk.open("orders-0/00000000000000000000.log", { create: true });
 * file.append(new Uint8Array(10));
 * console.assert(disk.size("orders-0/00000000000000000000.log") === 10);
 * ```
 */
export class MemoryDisk implements Disk {
  readonly root: string;
  readonly #files = new Map<string, GrowingBytes>();
  readonly #folders = new Set<string>([""]);
  readonly #locks = new Set<string>();

  /** @param root what messages to people call this disk */
  constructor(root = "memory") {
    this.root = root;
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    if (this.#folders.has(path)) {
      throw new DiskError("EOTHER", path, `Cannot open ${path}: it is a folder, not a file.`);
    }
    let content = this.#files.get(path);
    if (content === undefined) {
      if (!options.create) throw new DiskError("ENOENT", path, `Cannot open ${path}: there is no such file.`);
      this.#demandParent(path);
      content = new GrowingBytes();
      this.#files.set(path, content);
    }
    return new MemoryFile(path, content);
  }

  readFile(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.toBytes();
  }

  list(path: string): string[] {
    const prefix = path === "" ? "" : `${path}/`;
    const names = new Set<string>();
    for (const each of [...this.#files.keys(), ...this.#folders]) {
      if (each !== "" && each.startsWith(prefix)) names.add(each.slice(prefix.length).split("/", 1)[0]!);
    }
    return [...names].sort();
  }

  isFolder(path: string): boolean {
    return this.#folders.has(path);
  }

  size(path: string): number | undefined {
    return this.#files.get(path)?.size;
  }

  makeFolder(path: string): void {
    if (this.#files.has(path)) throw new DiskError("EEXIST", path, `Cannot make the folder ${path}: a file is there.`);
    const parts = path.split("/");
    for (let count = 1; count <= parts.length; count++) this.#folders.add(parts.slice(0, count).join("/"));
  }

  rename(from: string, to: string): void {
    this.#demandParent(to);
    const content = this.#files.get(from);
    if (content !== undefined) {
      this.#files.delete(from);
      this.#files.set(to, content);
      return;
    }
    if (!this.#folders.has(from)) throw new DiskError("ENOENT", from, `Cannot rename ${from}: it is not there.`);
    if (this.list(to).length > 0) throw new DiskError("EEXIST", to, `Cannot rename ${from} to ${to}: it is not empty.`);
    const moved = (path: string) => to + path.slice(from.length);
    for (const path of [...this.#folders].filter((path) => isWithin(path, from))) {
      this.#folders.delete(path);
      this.#folders.add(moved(path));
    }
    for (const [path, file] of [...this.#files].filter(([path]) => isWithin(path, from))) {
      this.#files.delete(path);
      this.#files.set(moved(path), file);
    }
  }

  remove(path: string): void {
    for (const each of [...this.#files.keys()]) if (isWithin(each, path)) this.#files.delete(each);
    for (const each of [...this.#folders]) if (each !== "" && isWithin(each, path)) this.#folders.delete(each);
  }

  syncFolder(path: string): void {
    if (!this.#folders.has(path)) throw new DiskError("ENOENT", path, `Cannot sync ${path}: there is no such folder.`);
  }

  lock(path: string): () => void {
    if (this.#locks.has(path)) throw new DiskError("ELOCKED", path, `Cannot lock ${path}: somebody else has it.`);
    this.open(path, { create: true });
    this.#locks.add(path);
    return () => this.#locks.delete(path);
  }

  #demandParent(path: string): void {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (!this.#folders.has(parent)) {
      throw new DiskError("ENOENT", path, `Cannot create ${path}: there is no folder ${parent}.`);
    }
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #content: GrowingBytes;
  #closed = false;

  constructor(path: string, content: GrowingBytes) {
    this.path = path;
    this.#content = content;
  }

  size(): number {
    return this.#open().size;
  }

  append(bytes: Uint8Array): void {
    const content = this.#open();
    content.write(content.size, bytes);
  }

  write(position: number, bytes: Uint8Array): void {
    if (position > this.#open().size) {
      throw new DiskError("EOTHER", this.path, `Cannot write ${this.path} at ${position}: it ends before.`);
    }
    this.#content.write(position, bytes);
  }

  read(position: number, into: Uint8Array): number {
    return this.#open().read(position, into);
  }

  truncate(size: number): void {
    if (size < this.#open().size) this.#content.resize(size);
  }

  sync(done: Settle<void>): void {
    this.#open();
    done(DONE);
  }

  syncNow(): void {
    this.#open();
  }

  close(): void {
    this.#closed = true;
  }

  #open(): GrowingBytes {
    if (this.#closed) throw new DiskError("EOTHER", this.path, `Cannot use ${this.path}: the handle is closed.`);
    return this.#content;
  }
}
