/**
 * The record batch, version 2 (KIP-98), as a view over bytes: its header is read and stamped where it lies.
 *
 *      0 baseOffset            i64 ┐ a broker may change these
 *      8 batchLength           i32 │ without a new CRC
 *     12 partitionLeaderEpoch  i32 ┘
 *     16 magic                 i8    2
 *     17 crc                   u32   CRC-32C of everything below
 *     21 attributes            i16   bits 0-2 codec · 3 LogAppendTime · 4 transactional · 5 control · 6 delete horizon
 *     23 lastOffsetDelta       i32
 *     27 baseTimestamp         i64
 *     35 maxTimestamp          i64
 *     43 producerId            i64
 *     51 producerEpoch         i16
 *     53 baseSequence          i32
 *     57 recordCount           i32
 *     61 records …             one after another, or compressed as one stream
 *
 * Offsets and timestamps are numbers here; one outside the safe integers is refused. The single-field readers check
 * nothing and allocate nothing: they are for bytes whose size {@linkcode readBatchHeader} or {@linkcode batches} has checked.
 *
 * @module
 */

import {
  readBigInt64,
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../lib/big_endian.ts";
import { crc32c } from "../lib/crc32c.ts";

/** Where each field of the header begins, in bytes from the start of the batch. */
export const BASE_OFFSET = 0;
export const BATCH_LENGTH = 8;
export const PARTITION_LEADER_EPOCH = 12;
export const MAGIC = 16;
export const CRC = 17;
export const ATTRIBUTES = 21;
export const LAST_OFFSET_DELTA = 23;
export const BASE_TIMESTAMP = 27;
export const MAX_TIMESTAMP = 35;
export const PRODUCER_ID = 43;
export const PRODUCER_EPOCH = 51;
export const BASE_SEQUENCE = 53;
export const RECORD_COUNT = 57;
/** Where the records begin: the size of the header. */
export const RECORDS = 61;

/** Base offset and batch length, which `batchLength` does not count. */
export const LOG_OVERHEAD = 12;
/** The only format that is written since Kafka 0.11. */
export const MAGIC_V2 = 2;

/** The bits of `attributes`. */
export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

/** What a field holds when there is nothing to say: no producer, no epoch, no sequence, no timestamp. */
export const NO_PRODUCER_ID = -1n;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_TIMESTAMP = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

/** Who set a batch's timestamps: its producer (`CreateTime`), or the broker that appended it (`LogAppendTime`). */
export type TimestampType = "CreateTime" | "LogAppendTime";

/** Every field of a batch's header, and what its attributes mean. */
export interface BatchHeader {
  /** Where the batch starts in the bytes it was read from. */
  readonly at: number;
  readonly baseOffset: number;
  /** The length field: bytes after it. */
  readonly batchLength: number;
  /** The whole batch, header included: `batchLength + 12`. */
  readonly sizeInBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  /** The codec's number, 0 to 7; 5 to 7 are none that Kafka knows. */
  readonly codec: number;
  readonly timestampType: TimestampType;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** Compaction left a delete horizon where `baseTimestamp` was (KIP-534). */
  readonly hasDeleteHorizon: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Bytes that are no record batch, or none whose fields agree with each other. `error` is the protocol error it stands
 * for: `CORRUPT_MESSAGE` when the bytes must have been damaged, `INVALID_RECORD` when somebody wrote them so.
 */
export class InvalidBatchError extends Error {
  override readonly name = "InvalidBatchError";
  readonly error: "CORRUPT_MESSAGE" | "INVALID_RECORD";

  constructor(error: "CORRUPT_MESSAGE" | "INVALID_RECORD", message: string) {
    super(message);
    this.error = error;
  }
}

/**
 * How many bytes the batch at a place claims to take; `undefined` where the length field itself is cut off. The bytes
 * need not be there.
 *
 * @throws {InvalidBatchError} the length is too small to hold a header
 */
export function claimedSize(bytes: Uint8Array, at: number, end: number = bytes.length): number | undefined {
  if (end - at < LOG_OVERHEAD) return undefined;
  const size = sizeInBytesOf(bytes, at);
  if (size < RECORDS) {
    throw new InvalidBatchError(
      "CORRUPT_MESSAGE",
      `The batch at byte ${at} says it is ${size} bytes long, but a header alone takes ${RECORDS}`,
    );
  }
  return size;
}

/**
 * Reads the header of the batch at a place.
 *
 * The whole batch must lie before `end`, its magic must be 2, and its offsets and timestamps must be safe integers.
 * Nothing else is judged: not the CRC, not whether the counts agree.
 *
 * @throws {InvalidBatchError}
 */
export function readBatchHeader(bytes: Uint8Array, at = 0, end: number = bytes.length): BatchHeader {
  if (end - at > MAGIC && magicOf(bytes, at) !== MAGIC_V2) throw wrongMagic(magicOf(bytes, at), at); // older ones are shorter
  const size = claimedSize(bytes, at, end);
  if (size === undefined || size > end - at) {
    throw new InvalidBatchError(
      "CORRUPT_MESSAGE",
      `The batch at byte ${at} needs ${size ?? LOG_OVERHEAD} bytes, but there are ${end - at}`,
    );
  }
  const attributes = attributesOf(bytes, at);
  return {
    at,
    baseOffset: safe("base offset", baseOffsetOf(bytes, at), at),
    batchLength: size - LOG_OVERHEAD,
    sizeInBytes: size,
    partitionLeaderEpoch: partitionLeaderEpochOf(bytes, at),
    magic: MAGIC_V2,
    crc: readUint32(bytes, at + CRC),
    attributes,
    codec: attributes & CODEC_MASK,
    timestampType: (attributes & LOG_APPEND_TIME_BIT) === 0 ? "CreateTime" : "LogAppendTime",
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    hasDeleteHorizon: (attributes & DELETE_HORIZON_BIT) !== 0,
    lastOffsetDelta: lastOffsetDeltaOf(bytes, at),
    baseTimestamp: safe("base timestamp", readInt64(bytes, at + BASE_TIMESTAMP), at),
    maxTimestamp: safe("max timestamp", maxTimestampOf(bytes, at), at),
    producerId: readBigInt64(bytes, at + PRODUCER_ID),
    producerEpoch: readInt16(bytes, at + PRODUCER_EPOCH),
    baseSequence: readInt32(bytes, at + BASE_SEQUENCE),
    recordCount: recordCountOf(bytes, at),
  };
}

function wrongMagic(magic: number, at: number): InvalidBatchError {
  return new InvalidBatchError(
    magic === 0 || magic === 1 ? "INVALID_RECORD" : "CORRUPT_MESSAGE",
    `The batch at byte ${at} has magic ${magic}, but only record batches of magic 2 are served`,
  );
}

function safe(field: string, value: number, at: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new InvalidBatchError(
    "INVALID_RECORD",
    `The batch at byte ${at} has the ${field} ${value}, but it must lie between ±(2^53-1)`,
  );
}

/**
 * The headers of the batches that lie one after another in `bytes[start..end)`.
 *
 * @param options.cutOff what a last batch that is not all there means: an error, or (as in a fetch response and at the
 *   torn end of a segment) the end
 * @throws {InvalidBatchError} as {@linkcode readBatchHeader}, when the iteration comes to that batch
 * @example
 * ```ts
 * import { batches } from "./batch.ts";
 * import { encodeBatch } from "./records.ts";
 *
 * const log = encodeBatch([{ key: null, value: new Uint8Array(3) }], { baseOffset: 7 });
 * for (const { baseOffset, recordCount } of batches(log)) console.assert(baseOffset === 7 && recordCount === 1);
 * ```
 */
export function* batches(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  { cutOff = "error" }: { cutOff?: "error" | "end" } = {},
): Generator<BatchHeader, void, undefined> {
  for (let at = start; at < end;) {
    if (cutOff === "end") {
      const size = claimedSize(bytes, at, end);
      if (size === undefined || size > end - at) return;
    }
    const header = readBatchHeader(bytes, at, end);
    yield header;
    at += header.sizeInBytes;
  }
}

/** The offset of a batch's first record. */
export function baseOffsetOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + BASE_OFFSET);
}

/** The offset of a batch's last record (which compaction may have taken out). */
export function lastOffsetOf(bytes: Uint8Array, at: number): number {
  return baseOffsetOf(bytes, at) + lastOffsetDeltaOf(bytes, at);
}

/** The size of a whole batch, as its length field claims. */
export function sizeInBytesOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + BATCH_LENGTH) + LOG_OVERHEAD;
}

/** The epoch of the leader that appended a batch. */
export function partitionLeaderEpochOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + PARTITION_LEADER_EPOCH);
}

/** A batch's format version, 0 to 255. */
export function magicOf(bytes: Uint8Array, at: number): number {
  return bytes[at + MAGIC]!;
}

/** A batch's attribute bits. */
export function attributesOf(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + ATTRIBUTES);
}

/** The last record's offset, from the base offset. */
export function lastOffsetDeltaOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LAST_OFFSET_DELTA);
}

/** The largest timestamp in a batch, in ms; -1 for none. */
export function maxTimestampOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + MAX_TIMESTAMP);
}

/** How many records a batch says it holds. */
export function recordCountOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + RECORD_COUNT);
}

/** The CRC that a batch's bytes have, which a sound batch also says it has. */
export function computeCrc(bytes: Uint8Array, at: number): number {
  return crc32c(bytes, at + ATTRIBUTES, at + sizeInBytesOf(bytes, at));
}

/** Whether a batch's CRC is that of its bytes. The whole batch must be there. */
export function crcMatches(bytes: Uint8Array, at = 0): boolean {
  return readUint32(bytes, at + CRC) === computeCrc(bytes, at);
}

/** Gives a batch its place in a log. The CRC does not cover these fields, so it stays. */
export function stampOffset(bytes: Uint8Array, at: number, baseOffset: number, leaderEpoch: number): void {
  writeInt64(bytes, at + BASE_OFFSET, baseOffset);
  writeInt32(bytes, at + PARTITION_LEADER_EPOCH, leaderEpoch);
}

/** Makes `nowMs` the timestamp of all records of a batch (`message.timestamp.type=LogAppendTime`), with a new CRC. */
export function stampLogAppendTime(bytes: Uint8Array, at: number, nowMs: number): void {
  writeInt16(bytes, at + ATTRIBUTES, attributesOf(bytes, at) | LOG_APPEND_TIME_BIT);
  writeInt64(bytes, at + MAX_TIMESTAMP, nowMs);
  stampCrc(bytes, at);
}

/** Sets a batch's max timestamp, with a new CRC; does nothing where it is already that. */
export function stampMaxTimestamp(bytes: Uint8Array, at: number, maxTimestamp: number): void {
  if (maxTimestampOf(bytes, at) === maxTimestamp) return;
  writeInt64(bytes, at + MAX_TIMESTAMP, maxTimestamp);
  stampCrc(bytes, at);
}

/** Sets a batch's CRC to that of its bytes. */
export function stampCrc(bytes: Uint8Array, at: number): void {
  writeInt32(bytes, at + CRC, computeCrc(bytes, at));
}
