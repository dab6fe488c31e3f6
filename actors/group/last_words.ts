/**
 * What a log says last of each key: the state of groups, read from its records in order.
 *
 *     batches ──control, unreadable: passed over──▶ records ──newest per key, tombstones take back──▶ by group, in the order of offsets
 *
 * Invariant: it holds no more than what is left of the log, never the log itself.
 *
 * @module
 */
import { batches, type BatchHeader } from "../../protocol/batch.ts";
import { records } from "../../protocol/records.ts";
import { decodeRecord, type GroupRecord } from "./records.ts";

/** Any bytes as text, different ones as different text. */
const asText = new TextDecoder("latin1");

/** Folds a log, chunk by chunk. */
export class LastWords {
  /** By key; what is written again moves to the end, so that the order is that of the offsets. */
  readonly #newest = new Map<string, GroupRecord>();
  readonly #only: ReadonlySet<string> | undefined;
  /** Records that are of no kind or version that is known here, or are damaged. */
  passedOver = 0;

  /** @param only the groups of interest; all if there is none */
  constructor(only?: ReadonlySet<string>) {
    this.#only = only;
  }

  /** Takes whole batches of a log, from the record at `offset` on. Returns the offset that comes after them. */
  take(bytes: Uint8Array, offset: number): number {
    let next = offset;
    for (const header of batches(bytes, 0, bytes.length, { cutOff: "end" })) {
      if (!header.isControl) this.#takeBatch(bytes, header, offset);
      next = Math.max(next, header.baseOffset + header.lastOffsetDelta + 1);
    }
    return next;
  }

  /** What is left, by group. */
  byGroup(): Map<string, GroupRecord[]> {
    const groups = new Map<string, GroupRecord[]>();
    for (const record of this.#newest.values()) {
      const group = groups.get(record.group);
      if (group === undefined) groups.set(record.group, [record]);
      else group.push(record);
    }
    return groups;
  }

  #takeBatch(bytes: Uint8Array, header: BatchHeader, from: number): void {
    try {
      for (const { offset, key, value } of records(bytes, header.at)) {
        if (offset >= from) this.#takeRecord(key, value);
      }
    } catch {
      this.passedOver += header.recordCount; // at most: what came before the damage has been taken
    }
  }

  #takeRecord(key: Uint8Array | null, value: Uint8Array | null): void {
    const record = key === null ? undefined : this.#decode(key, value);
    if (key === null || record === undefined) this.passedOver++;
    else if (this.#only === undefined || this.#only.has(record.group)) {
      const name = asText.decode(key);
      this.#newest.delete(name);
      if (record.value !== null) this.#newest.set(name, record);
    }
  }

  #decode(key: Uint8Array, value: Uint8Array | null): GroupRecord | undefined {
    try {
      return decodeRecord(key, value);
    } catch {
      return undefined;
    }
  }
}
