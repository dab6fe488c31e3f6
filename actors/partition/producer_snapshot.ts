/**
 * Kafka's producer snapshot, version 1: what `<offset>.snapshot` beside a segment holds, so that a restart need not read
 * the whole log to know its producers.
 *
 *     version i16 · crc u32 (CRC-32C of all that follows) · count i32 · count × entry
 *     entry: producerId i64 · epoch i16 · lastSequence i32 · lastOffset i64 · offsetDelta i32 · timestamp i64
 *            · coordinatorEpoch i32 · currentTransactionStart i64
 *
 * Invariant: bytes that are not exactly such a file are told apart from one that is, never read halfway.
 *
 * @module
 */
import {
  readBigInt64,
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  writeBigInt64,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../../lib/big_endian.ts";
import { crc32c } from "../../lib/crc32c.ts";

const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const ENTRIES_AT = 10;
const ENTRY_BYTES = 46;

/** One producer in a snapshot. -1 stands for "none" everywhere. */
export interface SnapshotEntry {
  readonly producerId: bigint;
  readonly epoch: number;
  /** Of its last batch. */
  readonly lastSequence: number;
  readonly lastOffset: number;
  /** Offset of the last record of its last batch, from the first; 0 without a batch. */
  readonly offsetDelta: number;
  /** Largest timestamp of its last batch, in ms. */
  readonly timestamp: number;
  readonly coordinatorEpoch: number;
  readonly currentTransactionStart: number;
}

/** The file that holds these producers. */
export function encodeProducerSnapshot(entries: readonly SnapshotEntry[]): Uint8Array {
  const bytes = new Uint8Array(ENTRIES_AT + entries.length * ENTRY_BYTES);
  writeInt16(bytes, 0, VERSION);
  writeInt32(bytes, COUNT_AT, entries.length);
  let at = ENTRIES_AT;
  for (const entry of entries) {
    writeBigInt64(bytes, at, entry.producerId);
    writeInt16(bytes, at + 8, entry.epoch);
    writeInt32(bytes, at + 10, entry.lastSequence);
    writeInt64(bytes, at + 14, entry.lastOffset);
    writeInt32(bytes, at + 22, entry.offsetDelta);
    writeInt64(bytes, at + 26, entry.timestamp);
    writeInt32(bytes, at + 34, entry.coordinatorEpoch);
    writeInt64(bytes, at + 38, entry.currentTransactionStart);
    at += ENTRY_BYTES;
  }
  writeInt32(bytes, CRC_AT, crc32c(bytes, COUNT_AT));
  return bytes;
}

/** The producers that a file holds; undefined when it is damaged, cut short, or of another version. */
export function decodeProducerSnapshot(bytes: Uint8Array): SnapshotEntry[] | undefined {
  if (bytes.length < ENTRIES_AT || readInt16(bytes, 0) !== VERSION) return undefined;
  const count = readInt32(bytes, COUNT_AT);
  if (bytes.length !== ENTRIES_AT + count * ENTRY_BYTES) return undefined; // before anything is made for `count`
  if (readUint32(bytes, CRC_AT) !== crc32c(bytes, COUNT_AT)) return undefined;
  const entries: SnapshotEntry[] = [];
  for (let at = ENTRIES_AT; at < bytes.length; at += ENTRY_BYTES) {
    const entry = {
      producerId: readBigInt64(bytes, at),
      epoch: readInt16(bytes, at + 8),
      lastSequence: readInt32(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 14),
      offsetDelta: readInt32(bytes, at + 22),
      timestamp: readInt64(bytes, at + 26),
      coordinatorEpoch: readInt32(bytes, at + 34),
      currentTransactionStart: readInt64(bytes, at + 38),
    };
    const { lastOffset, timestamp, currentTransactionStart } = entry;
    if (![lastOffset, timestamp, currentTransactionStart].every(Number.isSafeInteger)) return undefined;
    entries.push(entry);
  }
  return entries;
}
