/**
 * One offset per log in one file, as Kafka keeps recovery points, log starts and high watermarks.
 *
 * Invariant: what the file says is what was last written; a file that is there but damaged is refused, because taking it for
 * empty would let recovery cut what is durable.
 *
 * @module
 */
import { readCheckpoint, readCount, writeCheckpoint } from "./checkpoint.ts";
import type { Disk } from "./disk.ts";
import { WrongFolderError } from "./meta_properties.ts";

/** A checkpoint file and what it says. */
export class OffsetCheckpoint {
  readonly #disk: Disk;
  readonly #path: string;
  #written: ReadonlyMap<string, number>;
  /** The last write failed: whether the file is the old or the new one, nobody knows. */
  #isDoubtful = false;

  /** @throws {WrongFolderError} the file is damaged */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
    this.#written = this.#read();
  }

  /** The offset that the file has for a log. */
  get(name: string): number | undefined {
    return this.#written.get(name);
  }

  /** Every log that the file knows. */
  names(): Iterable<string> {
    return this.#written.keys();
  }

  /** Replaces the file, durably; does nothing when it says the same. */
  write(offsets: ReadonlyMap<string, number>): void {
    const isSame = offsets.size === this.#written.size &&
      [...offsets].every(([name, offset]) => this.#written.get(name) === offset);
    if (isSame && !this.#isDoubtful) return;
    this.#isDoubtful = true;
    writeCheckpoint(this.#disk, this.#path, [...offsets].map(([name, offset]) => `${splitName(name)} ${offset}`));
    this.#isDoubtful = false;
    this.#written = new Map(offsets);
  }

  /** The same with one offset changed, or with one log left out. */
  writeOne(name: string, offset: number | undefined): void {
    const offsets = new Map(this.#written);
    if (offset === undefined) offsets.delete(name);
    else offsets.set(name, offset);
    this.write(offsets);
  }

  /** Sees to it that the file says no more than this of a log, also where a write has failed and nobody knows what it says. */
  fall(name: string, offset: number): void {
    const known = this.#written.get(name);
    if (!this.#isDoubtful && (known ?? 0) <= offset) return;
    this.writeOne(name, known === undefined ? undefined : Math.min(known, offset));
  }

  #read(): Map<string, number> {
    const lines = readCheckpoint(this.#disk, this.#path);
    const offsets = new Map<string, number>();
    for (const [topic, partition, word] of lines ?? []) {
      const offset = readCount(word);
      if (offset === undefined) throw this.#damaged();
      offsets.set(`${topic}-${partition}`, offset);
    }
    if (lines === undefined && this.#disk.size(this.#path) !== undefined) throw this.#damaged();
    return offsets;
  }

  #damaged(): WrongFolderError {
    return new WrongFolderError(
      `${this.#disk.root}/${this.#path} is damaged: restore it from a backup, ` +
        `or remove it to have every log read from its beginning.`,
    );
  }
}

/** `orders-eu-7` as Kafka writes it in a checkpoint: `orders-eu 7`. */
function splitName(name: string): string {
  const at = name.lastIndexOf("-");
  return `${name.slice(0, at)} ${name.slice(at + 1)}`;
}
