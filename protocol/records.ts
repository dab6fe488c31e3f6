/**
 * The records inside a batch: taken out one by one, or put together into a new one.
 *
 * @module
 */

import { writeBigInt64, writeInt16, writeInt32, writeInt64 } from "../lib/big_endian.ts";
import { readVarint, sizeOfSafeVarlong, sizeOfVarint, writeSafeVarlong, writeVarint } from "../lib/varint.ts";
import {
  ATTRIBUTES,
  BASE_SEQUENCE,
  BASE_TIMESTAMP,
  BATCH_LENGTH,
  type BatchHeader,
  CODEC_MASK,
  CONTROL_BIT,
  DELETE_HORIZON_BIT,
  InvalidBatchError,
  LAST_OFFSET_DELTA,
  LOG_APPEND_TIME_BIT,
  LOG_OVERHEAD,
  MAGIC,
  MAGIC_V2,
  MAX_TIMESTAMP,
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  PRODUCER_EPOCH,
  PRODUCER_ID,
  readBatchHeader,
  RECORD_COUNT,
  RECORDS,
  stampCrc,
  stampOffset,
  TRANSACTIONAL_BIT,
} from "./batch.ts";
import { codecById, codecByName, type CompressionName } from "./compression/codec.ts";
import { RecordCursor } from "./record_cursor.ts";

/**
 * What one batch may expand to unless the caller says otherwise: as much as any broker can be told to take. How large it may be is judged
 * once, where it comes in; what was taken then must be read ever after, whatever the limit is by now.
 */
const DEFAULT_MAX_DECOMPRESSED_BYTES = 2 ** 31 - 1;

/** A header of a record: names may repeat, a value may be null. */
export type RecordHeader = readonly [key: string, value: Uint8Array | null];

/** One record as it is read. Its bytes are views over those of its batch (or over what those were decompressed to). */
export interface BatchRecord {
  readonly offset: number;
  /** In ms; -1 for none. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** One record as it is written. */
export interface NewRecord {
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** In ms. @default -1, none */
  readonly timestamp?: number;
  /** From the batch's base offset; must rise. @default its place among the records */
  readonly offsetDelta?: number;
}

/** What a new batch is to say of its records. */
export interface BatchOptions {
  /** @default "none" */
  readonly codec?: CompressionName;
  /** The codec's level; its own default where it is left out. */
  readonly level?: number;
  /** @default 0, as clients must send it */
  readonly baseOffset?: number;
  /** @default -1 */
  readonly partitionLeaderEpoch?: number;
  /** @default -1n, no producer */
  readonly producerId?: bigint;
  /** @default -1 */
  readonly producerEpoch?: number;
  /** @default -1 */
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Marks the batch as `LogAppendTime`, with this as the time of all its records. */
  readonly logAppendTimeMs?: number;
  /** The time from which compaction may drop the batch's tombstones (KIP-534). */
  readonly deleteHorizonMs?: number;
  /** What compaction keeps though it took out the last records. @default the last record's delta */
  readonly lastOffsetDelta?: number;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

/**
 * The plain records of a batch as a cursor, decompressed where they were compressed.
 *
 * @throws {InvalidBatchError} the codec is none of Kafka's
 * @throws {CompressionError} the compressed records are damaged or expand to more than `maxDecompressedBytes`
 */
export function openRecords(
  bytes: Uint8Array,
  { at, sizeInBytes, codec }: Pick<BatchHeader, "at" | "sizeInBytes" | "codec">,
  maxDecompressedBytes: number = DEFAULT_MAX_DECOMPRESSED_BYTES,
): RecordCursor {
  const start = at + RECORDS;
  const end = at + sizeInBytes;
  if (codec === 0) return new RecordCursor(bytes, start, end);
  const found = codecById(codec);
  if (found === undefined) {
    throw new InvalidBatchError("INVALID_RECORD", `The batch names codec ${codec}, but there are only 0 to 4`);
  }
  return new RecordCursor(found.decompress(bytes.subarray(start, end), maxDecompressedBytes));
}

/**
 * The records of the batch at a place, in order. Keys and values are views: copy them before the bytes are used again.
 *
 * @throws {InvalidBatchError} the batch or a record is not well formed, or there are not as many as it says
 * @throws {CompressionError} as {@linkcode openRecords}
 * @example
 * ```ts
 * import { encodeBatch, records } from "./records.ts";
 *
 * const batch = encodeBatch([{ value: new Uint8Array([1]) }, { value: null }], { codec: "lz4", baseOffset: 40 });
 * console.assert([...records(batch)].map((record) => record.offset).join() === "40,41");
 * ```
 */
export function* records(
  bytes: Uint8Array,
  at = 0,
  maxDecompressedBytes: number = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Generator<BatchRecord, void, undefined> {
  const header = readBatchHeader(bytes, at);
  const cursor = openRecords(bytes, header, maxDecompressedBytes);
  while (cursor.next()) yield recordAt(cursor, header);
  if (cursor.count !== header.recordCount) {
    throw new InvalidBatchError(
      "INVALID_RECORD",
      `The batch says it has ${header.recordCount} records, but there are ${cursor.count}`,
    );
  }
}

/** The record that a cursor stands on, in a batch with that header. */
export function recordAt(cursor: RecordCursor, header: BatchHeader): BatchRecord {
  return {
    offset: header.baseOffset + cursor.offsetDelta,
    timestamp: header.timestampType === "LogAppendTime"
      ? header.maxTimestamp
      : header.baseTimestamp + cursor.timestampDelta,
    key: view(cursor.bytes, cursor.keyAt, cursor.keyLength),
    value: view(cursor.bytes, cursor.valueAt, cursor.valueLength),
    headers: headersAt(cursor),
  };
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([]);

function headersAt({ bytes, headersAt, headerCount, end }: RecordCursor): readonly RecordHeader[] {
  if (headerCount === 0) return NO_HEADERS;
  const headers: RecordHeader[] = [];
  const from = { bytes, at: headersAt, end };
  for (let header = 0; header < headerCount; header++) {
    const keyLength = readVarint(from);
    const key = text.decode(view(bytes, from.at, keyLength)!);
    from.at += keyLength;
    const valueLength = readVarint(from);
    headers.push([key, view(bytes, from.at, valueLength)]);
    from.at += Math.max(valueLength, 0);
  }
  return headers;
}

function view(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : bytes.subarray(at, at + length);
}

/**
 * Puts records together into a batch, with its CRC.
 *
 * Without records it makes the empty batch that compaction leaves to remember a producer by.
 */
export function encodeBatch(records: readonly NewRecord[], options: BatchOptions = {}): Uint8Array {
  const codec = codecByName(options.codec ?? "none");
  const baseTimestamp = options.deleteHorizonMs ?? records[0]?.timestamp ?? NO_TIMESTAMP;
  const plain = encodeRecords(records, baseTimestamp, codec.id === 0 ? RECORDS : 0);
  const batch = codec.id === 0 ? plain : behindHeader(codec.compress(plain, options.level));
  const lastOffsetDelta = records.length === 0 ? 0 : records.at(-1)!.offsetDelta ?? records.length - 1;
  stampOffset(batch, 0, options.baseOffset ?? 0, options.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH);
  writeInt32(batch, BATCH_LENGTH, batch.length - LOG_OVERHEAD);
  batch[MAGIC] = MAGIC_V2;
  writeInt16(batch, ATTRIBUTES, codec.id | attributeBits(options));
  writeInt32(batch, LAST_OFFSET_DELTA, options.lastOffsetDelta ?? lastOffsetDelta);
  writeInt64(batch, BASE_TIMESTAMP, baseTimestamp);
  writeInt64(batch, MAX_TIMESTAMP, options.logAppendTimeMs ?? maxTimestamp(records));
  writeBigInt64(batch, PRODUCER_ID, options.producerId ?? NO_PRODUCER_ID);
  writeInt16(batch, PRODUCER_EPOCH, options.producerEpoch ?? NO_PRODUCER_EPOCH);
  writeInt32(batch, BASE_SEQUENCE, options.baseSequence ?? NO_SEQUENCE);
  writeInt32(batch, RECORD_COUNT, records.length);
  stampCrc(batch, 0);
  return batch;
}

/**
 * The same batch with its records compressed in another way (or not at all), in new bytes. Records, offsets, timestamps
 * and producer stay as they are.
 *
 * @param plain the batch's records, decompressed
 */
export function recompressBatch(
  batch: Uint8Array,
  plain: Uint8Array,
  codec: CompressionName,
  level?: number,
): Uint8Array {
  const { id, compress } = codecByName(codec);
  const recompressed = behindHeader(compress(plain, level));
  recompressed.set(batch.subarray(0, RECORDS));
  writeInt32(recompressed, BATCH_LENGTH, recompressed.length - LOG_OVERHEAD);
  recompressed[ATTRIBUTES + 1] = (recompressed[ATTRIBUTES + 1]! & ~CODEC_MASK) | id;
  stampCrc(recompressed, 0);
  return recompressed;
}

function behindHeader(records: Uint8Array): Uint8Array {
  const batch = new Uint8Array(RECORDS + records.length);
  batch.set(records, RECORDS);
  return batch;
}

function attributeBits(options: BatchOptions): number {
  return (options.logAppendTimeMs === undefined ? 0 : LOG_APPEND_TIME_BIT) |
    (options.isTransactional ? TRANSACTIONAL_BIT : 0) |
    (options.isControl ? CONTROL_BIT : 0) |
    (options.deleteHorizonMs === undefined ? 0 : DELETE_HORIZON_BIT);
}

function maxTimestamp(records: readonly NewRecord[]): number {
  return records.reduce((max, { timestamp = NO_TIMESTAMP }) => Math.max(max, timestamp), NO_TIMESTAMP);
}

/** All records, after so many bytes that are left for the header. */
function encodeRecords(records: readonly NewRecord[], baseTimestamp: number, headerBytes: number): Uint8Array {
  const headerKeys = records.map(({ headers }) => headers?.map(([key]) => utf8.encode(key)));
  const sizes = records.map((record, index) => sizeOfRecord(record, index, baseTimestamp, headerKeys[index]));
  const out = new Uint8Array(sizes.reduce((total, size) => total + sizeOfVarint(size) + size, headerBytes));
  let at = headerBytes;
  records.forEach((record, index) => {
    at = writeVarint(out, at, sizes[index]!);
    at++; // attributes
    at = writeSafeVarlong(out, at, (record.timestamp ?? NO_TIMESTAMP) - baseTimestamp);
    at = writeVarint(out, at, record.offsetDelta ?? index);
    at = writeBytes(out, at, record.key);
    at = writeBytes(out, at, record.value);
    at = writeVarint(out, at, record.headers?.length ?? 0);
    record.headers?.forEach(([, value], header) => {
      at = writeBytes(out, at, headerKeys[index]![header]);
      at = writeBytes(out, at, value);
    });
  });
  return out;
}

function sizeOfRecord(record: NewRecord, index: number, baseTimestamp: number, headerKeys?: Uint8Array[]): number {
  let size = 1 + sizeOfSafeVarlong((record.timestamp ?? NO_TIMESTAMP) - baseTimestamp) +
    sizeOfVarint(record.offsetDelta ?? index) + sizeOfBytes(record.key) + sizeOfBytes(record.value) +
    sizeOfVarint(record.headers?.length ?? 0);
  record.headers?.forEach(([, value], header) => {
    size += sizeOfBytes(headerKeys![header]) + sizeOfBytes(value);
  });
  return size;
}

function sizeOfBytes(bytes: Uint8Array | null | undefined): number {
  return bytes ? sizeOfVarint(bytes.length) + bytes.length : 1;
}

function writeBytes(out: Uint8Array, at: number, bytes: Uint8Array | null | undefined): number {
  if (!bytes) return writeVarint(out, at, -1);
  at = writeVarint(out, at, bytes.length);
  out.set(bytes, at);
  return at + bytes.length;
}
