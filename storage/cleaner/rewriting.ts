/**
 * What compaction leaves of one batch.
 *
 *     all its records ──────────▶ the same bytes
 *     some of them ─────────────▶ a batch of the same offsets, epoch, producer and codec, with fewer records
 *     none, of a producer that is remembered by it ─▶ its header
 *     none ─────────────────────▶ nothing: its offsets become part of a header of nobody
 *
 * A tombstone that stays for the first time gives its batch a delete horizon (KIP-534), in the place of the base timestamp; once that
 * time has come, and every replica has it, it goes. Records of transactions, and what ended these, are left alone: which were aborted is not known here.
 *
 * @module
 */
import { writeInt16, writeInt32, writeInt64 } from "../../lib/big_endian.ts";
import {
  readSafeVarlong,
  readVarint,
  sizeOfSafeVarlong,
  sizeOfVarint,
  writeSafeVarlong,
  writeVarint,
} from "../../lib/varint.ts";
import {
  ATTRIBUTES,
  BASE_TIMESTAMP,
  type BatchHeader,
  DELETE_HORIZON_BIT,
  MAX_TIMESTAMP,
  NO_TIMESTAMP,
  RECORD_COUNT,
  RECORDS,
} from "../../protocol/batch.ts";
import { codecById } from "../../protocol/compression/codec.ts";
import { openRecords, recompressBatch } from "../../protocol/records.ts";
import type { CleaningRequest } from "../cleaning.ts";
import { keyAt, type KeyMap } from "./key_map.ts";

/**
 * The latest delete horizon, far beyond any clock. delete.retention.ms may be as long as there are numbers, and a base timestamp that is
 * no safe integer, or too far from the timestamps of its records, could never be read again.
 */
const HORIZON_MAX_MS = 2 ** 52;

/** By what it is judged whether a record stays. */
export interface Rules extends Pick<CleaningRequest, "nowMs" | "deleteRetentionMs" | "mustKeep" | "tombstonesUntil"> {
  readonly keys: KeyMap;
  /** The keys of all records below are known; those from here on stay. */
  readonly mappedTo: number;
}

/** What is left of a batch. */
export interface Rewritten {
  /** The batch to write; undefined when nothing of it is to stay. */
  readonly bytes: Uint8Array | undefined;
  /** The largest timestamp of the records in it, -1 for none. */
  readonly maxTimestamp: number;
  /** How many tombstones went. */
  readonly tombstones: number;
}

/** A record that stays. */
interface Kept {
  readonly from: number;
  readonly to: number;
  readonly timestampDelta: number;
}

/** Whether a batch is left as it is, whatever its records are. */
export function isLeftAlone(
  { baseOffset, lastOffsetDelta, isControl, isTransactional }: BatchHeader,
  mappedTo: number,
): boolean {
  return isControl || isTransactional || baseOffset + lastOffsetDelta >= mappedTo;
}

/** Tells `each` the keys of a batch's records. Throws as {@linkcode openRecords} does. */
export function eachKey(batch: Uint8Array, header: BatchHeader, each: (key: string, offset: number) => void): void {
  const cursor = openRecords(batch, { ...header, at: 0 });
  while (cursor.next()) {
    const { keyLength, offsetDelta } = cursor;
    if (keyLength >= 0) each(keyAt(cursor.bytes, cursor.keyAt, keyLength), header.baseOffset + offsetDelta);
  }
}

/**
 * Works out what is left of a batch.
 *
 * @throws {InvalidBatchError} a record is not well formed
 * @throws {CompressionError} as {@linkcode openRecords}
 */
export function rewrite(batch: Uint8Array, header: BatchHeader, rules: Rules): Rewritten {
  const { recordCount, maxTimestamp } = header;
  if (recordCount === 0) {
    return { bytes: rules.mustKeep(header) ? batch : undefined, maxTimestamp: NO_TIMESTAMP, tombstones: 0 };
  }
  if (isLeftAlone(header, rules.mappedTo)) return { bytes: batch, maxTimestamp, tombstones: 0 };
  const { plain, kept, tombstones, tombstonesKept } = judge(batch, header, rules);
  const horizonMs = Math.min(rules.nowMs + rules.deleteRetentionMs, HORIZON_MAX_MS);
  const wantsHorizon = tombstonesKept > 0 && !header.hasDeleteHorizon &&
    canShift(kept, header.baseTimestamp - horizonMs);
  if (kept.length === recordCount && !wantsHorizon) return { bytes: batch, maxTimestamp, tombstones: 0 };
  if (kept.length === 0) {
    const bytes = rules.mustKeep(header) ? headerOf(batch) : undefined;
    return { bytes, maxTimestamp: NO_TIMESTAMP, tombstones };
  }
  const latest = header.timestampType === "LogAppendTime"
    ? maxTimestamp
    : kept.reduce((max, { timestampDelta }) => Math.max(max, header.baseTimestamp + timestampDelta), NO_TIMESTAMP);
  const head = batch.slice(0, RECORDS);
  let base = header.baseTimestamp;
  if (wantsHorizon) {
    base = horizonMs;
    writeInt16(head, ATTRIBUTES, header.attributes | DELETE_HORIZON_BIT);
    writeInt64(head, BASE_TIMESTAMP, base);
  }
  writeInt64(head, MAX_TIMESTAMP, latest);
  writeInt32(head, RECORD_COUNT, kept.length);
  const records = gather(plain, kept, header.baseTimestamp - base);
  const bytes = recompressBatch(head, records, codecById(header.codec)!.name);
  return { bytes, maxTimestamp: latest, tombstones };
}

/** Which records of a batch stay. */
function judge(
  batch: Uint8Array,
  header: BatchHeader,
  { keys, nowMs, tombstonesUntil }: Rules,
): {
  readonly plain: Uint8Array;
  readonly kept: readonly Kept[];
  readonly tombstones: number;
  readonly tombstonesKept: number;
} {
  const cursor = openRecords(batch, { ...header, at: 0 });
  const isOver = header.hasDeleteHorizon && nowMs >= header.baseTimestamp &&
    header.baseOffset + header.lastOffsetDelta < tombstonesUntil();
  const kept: Kept[] = [];
  let tombstones = 0;
  let tombstonesKept = 0;
  while (cursor.next()) {
    const { keyLength, valueLength, recordAt: from, at: to, timestampDelta } = cursor;
    const offset = header.baseOffset + cursor.offsetDelta;
    const latest = keyLength < 0 ? undefined : keys.get(keyAt(cursor.bytes, cursor.keyAt, keyLength));
    if (latest !== undefined && latest > offset) continue;
    if (keyLength >= 0 && valueLength < 0) {
      if (isOver) {
        tombstones++;
        continue;
      }
      tombstonesKept++;
    }
    kept.push({ from, to, timestampDelta });
  }
  return { plain: cursor.bytes, kept, tombstones, tombstonesKept };
}

/** Whether the timestamps of records can be said from there. Where one lies before all times, no horizon is given, and tombstones stay. */
function canShift(kept: readonly Kept[], shift: number): boolean {
  return Number.isSafeInteger(shift) &&
    kept.every(({ timestampDelta }) => Number.isSafeInteger(timestampDelta + shift));
}

/** The records that stay, one behind the other, with `shift` added to their timestamp deltas. */
function gather(plain: Uint8Array, kept: readonly Kept[], shift: number): Uint8Array {
  const parts = kept.map((record) =>
    shift === 0 ? plain.subarray(record.from, record.to) : shifted(plain, record, shift)
  );
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function shifted(plain: Uint8Array, { from, to, timestampDelta }: Kept, shift: number): Uint8Array {
  const cursor = { bytes: plain, at: from, end: to };
  readVarint(cursor);
  const attributes = plain[cursor.at++]!;
  readSafeVarlong(cursor);
  const rest = plain.subarray(cursor.at, to);
  const delta = timestampDelta + shift;
  const length = 1 + sizeOfSafeVarlong(delta) + rest.length;
  const record = new Uint8Array(sizeOfVarint(length) + length);
  let at = writeVarint(record, 0, length);
  record[at++] = attributes;
  at = writeSafeVarlong(record, at, delta);
  record.set(rest, at);
  return record;
}

/** A batch's header alone: what its producer is remembered by. */
function headerOf(batch: Uint8Array): Uint8Array {
  const head = batch.slice(0, RECORDS);
  head[ATTRIBUTES + 1]! &= ~DELETE_HORIZON_BIT;
  writeInt64(head, BASE_TIMESTAMP, NO_TIMESTAMP);
  writeInt32(head, RECORD_COUNT, 0);
  return recompressBatch(head, new Uint8Array(0), "none");
}
