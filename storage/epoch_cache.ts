/**
 * Which leader epoch began at which offset of a log (KIP-101), kept in `leader-epoch-checkpoint`.
 *
 * Invariant: entries rise in both epoch and offset. The file may lag behind: what lies above the recovery point is taken
 * from the batches, so the file must be written before the recovery point moves over an entry.
 *
 * @module
 */
import { readCheckpoint, readCount, writeCheckpoint } from "./checkpoint.ts";
import type { Disk } from "./disk.ts";

/** An epoch and its first offset. */
export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

/** The epochs of one log. */
export class EpochCache {
  readonly #disk: Disk;
  readonly #path: string;
  #entries: EpochStart[] = [];
  #dirty = false;

  /** Reads the file; one that is missing or damaged counts as empty. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
    for (const [epoch, startOffset] of readCheckpoint(disk, path) ?? []) {
      const entry = { epoch: readCount(epoch) ?? -1, startOffset: readCount(startOffset) ?? -1 };
      const last = this.#entries.at(-1);
      const rises = last === undefined || (entry.epoch > last.epoch && entry.startOffset >= last.startOffset);
      if (entry.epoch < 0 || entry.startOffset < 0 || !rises) {
        this.#entries = [];
        break;
      }
      this.#entries.push(entry);
    }
  }

  get entries(): readonly EpochStart[] {
    return this.#entries;
  }

  /** The newest epoch, -1 when there is none. */
  get latest(): number {
    return this.#entries.at(-1)?.epoch ?? -1;
  }

  /** An epoch begins. Entries that it contradicts go; an epoch that is the newest already keeps its beginning. */
  assign(epoch: number, startOffset: number): void {
    const last = this.#entries.at(-1);
    if (epoch < 0 || (last !== undefined && last.epoch === epoch && last.startOffset <= startOffset)) return;
    this.#entries = this.#entries.filter((entry) =>
      entry.epoch < epoch ? entry.startOffset < startOffset : entry.epoch === epoch && entry.startOffset <= startOffset
    );
    if (this.latest !== epoch) this.#entries.push({ epoch, startOffset });
    this.#dirty = true;
  }

  /** The epoch of the record at `offset` and where that epoch ends; epoch -1 before the first. */
  spanAt(offset: number): { readonly epoch: number; readonly endOffset: number } {
    let index = this.#entries.length - 1;
    while (index >= 0 && this.#entries[index]!.startOffset > offset) index--;
    return {
      epoch: this.#entries[index]?.epoch ?? -1,
      endOffset: this.#entries[index + 1]?.startOffset ?? Number.MAX_SAFE_INTEGER,
    };
  }

  /**
   * The largest known epoch ≤ `epoch` and where it ends, as Apache Kafka answers it: an epoch below all that are known
   * ends where the first of them begins; one above all that are known is undefined.
   */
  endOffsetFor(epoch: number, endOffset: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    if (epoch < 0 || epoch > this.latest) return undefined;
    if (epoch === this.latest) return { epoch, endOffset };
    const above = this.#entries.findIndex((entry) => entry.epoch > epoch);
    const floor = this.#entries[above - 1];
    return { epoch: floor?.epoch ?? epoch, endOffset: this.#entries[above]!.startOffset };
  }

  /** Forgets epochs that begin at or above `offset`. */
  truncateFromEnd(offset: number): void {
    this.#keep(this.#entries.filter((entry) => entry.startOffset < offset));
  }

  /** Forgets epochs that end at or below `offset`; the one that contains it begins there. */
  truncateFromStart(offset: number): void {
    const first = this.#entries.findLastIndex((entry) => entry.startOffset <= offset);
    if (first < 0) return;
    const kept = this.#entries.slice(first);
    if (kept[0]!.startOffset < offset) kept[0] = { epoch: kept[0]!.epoch, startOffset: offset };
    else if (first === 0) return;
    this.#entries = kept;
    this.#dirty = true;
  }

  /** Forgets everything. */
  clear(): void {
    this.#keep([]);
  }

  /** Makes the file say what is here, durably; does nothing when it does already. */
  write(): void {
    if (!this.#dirty) return;
    writeCheckpoint(this.#disk, this.#path, this.#entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
    this.#dirty = false;
  }

  #keep(entries: EpochStart[]): void {
    if (entries.length === this.#entries.length) return;
    this.#entries = entries;
    this.#dirty = true;
  }
}
