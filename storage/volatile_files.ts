/**
 * Files and folders of which two versions exist: what the process sees, and what would be there after a loss of power.
 *
 *     seen     = durable + pending changes, in order
 *     sync     applies the pending changes to what is durable
 *     power    applies some of them: in files by sector, in folders by entry
 *
 * As harsh as POSIX allows: syncing a file does not make its name durable, nor syncing a folder the content of its files.
 *
 * @module
 */
import type { Random } from "../lib/prng.ts";
import { GrowingBytes } from "./growing_bytes.ts";

type FileChange =
  | { readonly number: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly number: number; readonly size: number };

/** How much of what was pending a loss of power leaves, per file. */
const KEPT_OF_16 = [16, 0, 4, 8, 15];
/** What a disk writes at once: a sector of the device, a page of the cache. */
const GRAINS = [512, 4096];

/** The content of a file, whatever its name. */
export class VolatileFile {
  /** What the process sees. */
  seen: GrowingBytes = new GrowingBytes();
  #durable = new GrowingBytes();
  #pending: FileChange[] = [];
  #changes = 0;

  /** Stands for everything changed so far; see {@linkcode VolatileFile.settle}. */
  get mark(): number {
    return this.#changes;
  }

  write(position: number, bytes: Uint8Array): void {
    this.seen.write(position, bytes);
    this.#pending.push({ number: this.#changes++, position, bytes: bytes.slice() });
  }

  truncate(size: number): void {
    this.seen.resize(size);
    this.#pending.push({ number: this.#changes++, size });
  }

  /** Changes before `mark` become durable, or else are lost while the process goes on seeing them. */
  settle(mark: number, isDurable: boolean): void {
    const count = this.#pending.findIndex((change) => change.number >= mark);
    const settled = this.#pending.splice(0, count < 0 ? this.#pending.length : count);
    if (isDurable) { for (const change of settled) apply(change, this.#durable); }
  }

  /** Flips bits of what is durable, as a disk does that rots. */
  flip(position: number, mask: number): void {
    const byte = new Uint8Array(1);
    for (const content of [this.seen, this.#durable]) {
      if (content.read(position, byte) === 0) continue;
      byte[0]! ^= mask;
      content.write(position, byte);
    }
  }

  /** The power fails: pending changes are kept, dropped or torn. */
  losePower(random: Random): void {
    const kept = random.pick(KEPT_OF_16);
    const grain = random.pick(GRAINS);
    const whole = copyOf(this.#durable);
    const sizes = [whole.size];
    for (const change of this.#pending) {
      apply(change, whole);
      sizes.push(whole.size);
      if (!("bytes" in change)) continue;
      const end = change.position + change.bytes.length;
      for (let at = change.position - change.position % grain; at < end; at += grain) {
        if (random.below(16) >= kept) continue;
        const sector = new Uint8Array(Math.min(grain, whole.size - at));
        whole.read(at, sector);
        this.#durable.write(at, sector);
      }
    }
    this.#durable.resize(kept === 16 ? whole.size : kept === 0 ? sizes[0]! : random.pick(sizes));
    this.#pending = [];
    this.seen = copyOf(this.#durable);
  }
}

function apply(change: FileChange, content: GrowingBytes): void {
  if ("bytes" in change) content.write(change.position, change.bytes);
  else content.resize(change.size);
}

function copyOf(content: GrowingBytes): GrowingBytes {
  const copy = new GrowingBytes();
  copy.write(0, content.toBytes());
  return copy;
}

/** What a name in a folder stands for. */
export type VolatileNode = VolatileFile | VolatileFolder;

/** One name that changes; without a node it goes. */
export interface Edit {
  readonly folder: VolatileFolder;
  readonly name: string;
  readonly node: VolatileNode | undefined;
}

/** A folder: names, as the process sees them and as they are durable. */
export class VolatileFolder {
  readonly seen: Map<string, VolatileNode> = new Map();
  readonly durable: Map<string, VolatileNode> = new Map();

  /** Takes this folder and all below it back to what is durable. */
  losePower(random: Random): void {
    this.seen.clear();
    for (const [name, node] of [...this.durable].sort(([a], [b]) => a < b ? -1 : 1)) {
      node.losePower(random);
      this.seen.set(name, node);
    }
  }
}

/** A tree of folders and the changes of names in it that are not durable yet. */
export class VolatileTree {
  readonly root: VolatileFolder = new VolatileFolder();
  #pending: (readonly Edit[])[] = [];

  /** What a path leads to. */
  find(path: string): VolatileNode | undefined {
    let node: VolatileNode | undefined = this.root;
    for (const name of path === "" ? [] : path.split("/")) {
      node = node instanceof VolatileFolder ? node.seen.get(name) : undefined;
    }
    return node;
  }

  /** Changes names, all or none of them durable together. */
  edit(edits: readonly Edit[]): void {
    for (const { folder, name, node } of edits) set(folder.seen, name, node);
    this.#pending.push(edits);
  }

  /** Makes the names in a folder durable. */
  sync(folder: VolatileFolder): void {
    const mine = this.#pending.filter((edits) => edits.some((edit) => edit.folder === folder));
    this.#pending = this.#pending.filter((edits) => !mine.includes(edits));
    for (const edits of mine) applyEdits(edits);
  }

  /** The power fails: of the changes of names some beginning is kept, as by a journal, or any of them. */
  losePower(random: Random): void {
    const isJournal = random.chance(1, 2);
    const kept = random.below(this.#pending.length + 1);
    this.#pending.forEach((edits, index) => {
      if (isJournal ? index < kept : random.chance(1, 2)) applyEdits(edits);
    });
    this.#pending = [];
    this.root.losePower(random);
  }

  /** Every file that the process sees, by path, sorted. */
  files(folder: VolatileFolder = this.root, prefix = ""): [path: string, file: VolatileFile][] {
    return [...folder.seen].sort(([a], [b]) => a < b ? -1 : 1).flatMap(([name, node]) =>
      node instanceof VolatileFile ? [[prefix + name, node]] : this.files(node, `${prefix}${name}/`)
    );
  }
}

function applyEdits(edits: readonly Edit[]): void {
  for (const { folder, name, node } of edits) set(folder.durable, name, node);
}

function set(names: Map<string, VolatileNode>, name: string, node: VolatileNode | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}
