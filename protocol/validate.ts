/**
 * What must hold for the records of a Produce request before a leader appends them: the demands of Kafka's `LogValidator`.
 *
 *     one batch · magic · codec · size ─▶ CRC ─▶ header agrees with itself ─▶ every record ─▶ stamped
 *
 * A batch that passes is well formed to the last byte, so that nothing that reads the log later meets a broken record. One
 * that does not pass is left as it came: only what passed is stamped.
 *
 * @module
 */

import {
  type BatchHeader,
  crcMatches,
  InvalidBatchError,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  readBatchHeader,
  RECORDS,
  stampLogAppendTime,
  stampMaxTimestamp,
  type TimestampType,
} from "./batch.ts";
import { codecById, codecByName, type CompressionName } from "./compression/codec.ts";
import { CompressionError } from "./compression/error.ts";
import type { ErrorName } from "./errors.ts";
import type { RecordCursor } from "./record_cursor.ts";
import { openRecords, recompressBatch } from "./records.ts";

/** A topic's `compression.type`: as the producer sent it, or always in one way. */
export type TopicCompression = "producer" | "uncompressed" | Exclude<CompressionName, "none">;

/** The records of one partition in a Produce request, and what its topic demands of them. */
export interface ProducedRecords {
  /** The bytes as they came; a batch that passes is stamped in them. */
  readonly records: Uint8Array;
  /** The broker's time, in ms. */
  readonly now: number;
  /** `max.message.bytes`: the largest batch, as it is compressed. */
  readonly maxMessageBytes: number;
  /** Whether `cleanup.policy` has `compact`: then every record needs a key. */
  readonly compacted: boolean;
  /** `message.timestamp.type`. */
  readonly timestampType: TimestampType;
  /** `message.timestamp.before.max.ms`: how far a record's timestamp may lie behind `now`. */
  readonly beforeMaxMs: number;
  /** `message.timestamp.after.max.ms`: how far it may lie ahead. */
  readonly afterMaxMs: number;
  /** Whether the request's version knows zstd: Produce 7 and later. */
  readonly zstdAllowed: boolean;
  /** `compression.type`. */
  readonly compressionType: TopicCompression;
  /** The topic's level for that type; the codec's own default where it is left out. */
  readonly compressionLevel?: number;
  /** The most that the batch may expand to while it is looked into. */
  readonly maxDecompressedBytes: number;
}

/** What is wrong with one record, by its place in the batch. */
export interface RecordError {
  readonly batchIndex: number;
  readonly message: string;
}

/** Records that must not be appended. */
export interface RefusedRecords {
  readonly error: Exclude<ErrorName, "NONE">;
  readonly message: string;
  /** The records that are to blame, where it is single ones; the first {@linkcode MAX_RECORD_ERRORS} of them. */
  readonly recordErrors: readonly RecordError[];
}

/** A batch that may be appended once it has its offset, and what the log needs to know of it. */
export interface ValidatedBatch {
  readonly error: "NONE";
  /** The batch: the bytes that came, or new ones where the topic wants another compression. */
  readonly batch: Uint8Array;
  readonly recordCount: number;
  /** In ms; -1 where no record has a timestamp. */
  readonly maxTimestamp: number;
  /**
   * The offset, from the base offset, that an index may name for `maxTimestamp`: the batch's last. Kafka calls it shallow,
   * as the record itself may lie before it.
   */
  readonly offsetOfMaxTimestamp: number;
  /** -1n for none. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The first record's sequence number; -1 without a producer id. */
  readonly baseSequence: number;
  /** The last record's, having wrapped to 0 after 2^31-1. */
  readonly lastSequence: number;
  readonly isTransactional: boolean;
}

/** How many single records an answer names. */
export const MAX_RECORD_ERRORS = 1000;

/**
 * Judges what a producer sent for one partition, and stamps it as its topic demands: the largest timestamp that its records
 * have, or the broker's time on a `LogAppendTime` topic, and the topic's compression.
 *
 * @example
 * ```ts
 * import { encodeBatch } from "./records.ts";
 * import { validate } from "./validate.ts";
 *
 * const result = validate({
 *   records: encodeBatch([{ value: new Uint8Array(3) }]),
 *   now: 0,
 *   maxMessageBytes: 1_048_588,
 *   compacted: true,
 *   timestampType: "CreateTime",
 *   beforeMaxMs: Infinity,
 *   afterMaxMs: 3_600_000,
 *   zstdAllowed: true,
 *   compressionType: "producer",
 *   maxDecompressedBytes: 100 * 1024 * 1024,
 * });
 * console.assert(result.error === "INVALID_RECORD"); // a compacted topic needs keys
 * ```
 */
export function validate(produced: ProducedRecords): ValidatedBatch | RefusedRecords {
  try {
    return judge(produced);
  } catch (error) {
    if (error instanceof InvalidBatchError) return refuse(error.error, error.message);
    if (error instanceof CompressionError) {
      return refuse(error.reason === "too large" ? "MESSAGE_TOO_LARGE" : "INVALID_RECORD", error.message);
    }
    throw error;
  }
}

function judge(produced: ProducedRecords): ValidatedBatch | RefusedRecords {
  const { records } = produced;
  if (records.length === 0) {
    return refuse("INVALID_RECORD", "There must be exactly one record batch, but there is none");
  }
  const header = readBatchHeader(records);
  const refusal = judgeHeader(header, produced);
  if (refusal !== undefined) return refusal;
  const cursor = openRecords(records, header, produced.maxDecompressedBytes);
  const judged = judgeRecords(cursor, header, produced);
  if (typeof judged !== "number") return judged;
  return stamp(header, cursor, judged, produced);
}

/** What can be judged without looking at a record. */
function judgeHeader(header: BatchHeader, produced: ProducedRecords): RefusedRecords | undefined {
  const { records, maxMessageBytes } = produced;
  if (header.sizeInBytes !== records.length) {
    const surplus = records.length - header.sizeInBytes;
    return refuse("INVALID_RECORD", `There must be exactly one record batch, but ${surplus} bytes follow it`);
  }
  const codec = codecById(header.codec);
  if (codec === undefined || (codec.name === "zstd" && !produced.zstdAllowed)) {
    return refuse(
      "UNSUPPORTED_COMPRESSION_TYPE",
      codec === undefined
        ? `The batch names codec ${header.codec}, but there are only 0 to 4`
        : "zstd may be used from Produce version 7 on",
    );
  }
  if (header.baseOffset !== 0) {
    return refuse("INVALID_RECORD", `The batch's base offset is ${header.baseOffset}, but a producer must send 0`);
  }
  if (header.sizeInBytes > maxMessageBytes) {
    const size = header.sizeInBytes;
    return refuse("MESSAGE_TOO_LARGE", `The batch has ${size} bytes, but the topic takes ${maxMessageBytes} at most`);
  }
  if (!crcMatches(records)) return refuse("CORRUPT_MESSAGE", "The batch does not match its CRC");
  if (header.recordCount <= 0) {
    return refuse("INVALID_RECORD", `The batch says it has ${header.recordCount} records, but must have at least one`);
  }
  if (header.lastOffsetDelta !== header.recordCount - 1) {
    return refuse(
      "INVALID_RECORD",
      `The batch has ${header.recordCount} records, but its last offset delta is ${header.lastOffsetDelta}`,
    );
  }
  return judgeAttributes(header) ?? judgeProducer(header);
}

function judgeAttributes(header: BatchHeader): RefusedRecords | undefined {
  if (header.isControl) return refuse("INVALID_RECORD", "Producers must not write control batches");
  if (header.hasDeleteHorizon) return refuse("INVALID_RECORD", "Producers must not set a delete horizon");
  if (header.timestampType === "LogAppendTime") {
    return refuse("INVALID_TIMESTAMP", "Producers must not set the timestamp type to LogAppendTime");
  }
  return undefined;
}

/** A producer id needs an epoch and a sequence; without one they mean nothing (some clients send 0). */
function judgeProducer(header: BatchHeader): RefusedRecords | undefined {
  const { producerId, producerEpoch, baseSequence } = header;
  if (producerId < 0n) {
    if (!header.isTransactional) return undefined;
    return refuse("INVALID_RECORD", "A transactional batch must have a producer id");
  }
  if (producerEpoch >= 0 && baseSequence >= 0) return undefined;
  return refuse(
    "INVALID_RECORD",
    `A batch with a producer id must have an epoch and a sequence, but has ${producerEpoch} and ${baseSequence}`,
  );
}

/** Looks at every record; answers the largest timestamp when nothing is wrong. */
function judgeRecords(cursor: RecordCursor, header: BatchHeader, produced: ProducedRecords): number | RefusedRecords {
  const { recordCount, baseTimestamp } = header;
  const { compacted } = produced;
  const checksTimestamps = produced.timestampType === "CreateTime";
  // Whatever else is allowed: a header with a number beyond these could never be read again.
  const earliest = Math.max(produced.now - produced.beforeMaxMs, Number.MIN_SAFE_INTEGER);
  const latest = Math.min(produced.now + produced.afterMaxMs, Number.MAX_SAFE_INTEGER);
  let maxTimestamp = NO_TIMESTAMP;
  let blame: Blame | undefined;
  while (cursor.count < recordCount && cursor.next()) {
    if (cursor.offsetDelta !== cursor.count - 1) return misnumbered(cursor);
    const timestamp = baseTimestamp + cursor.timestampDelta;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (compacted && cursor.keyLength < 0) {
      blame = (blame ?? new Blame()).add(cursor, "A record on a compacted topic must have a key", false);
    } else if (checksTimestamps && timestamp !== NO_TIMESTAMP && !(timestamp >= earliest && timestamp <= latest)) {
      const why = `The timestamp ${timestamp} must lie between ${earliest} and ${latest}`;
      blame = (blame ?? new Blame()).add(cursor, why, true);
    }
  }
  if (cursor.count !== recordCount || cursor.at !== cursor.end) {
    const surplus = cursor.end - cursor.at;
    return refuse(
      "INVALID_RECORD",
      cursor.count === recordCount
        ? `The batch says it has ${recordCount} records, but ${surplus} bytes follow them`
        : `The batch says it has ${recordCount} records, but there are ${cursor.count}`,
    );
  }
  return blame?.refusal() ?? maxTimestamp;
}

function misnumbered(cursor: RecordCursor): RefusedRecords {
  const batchIndex = cursor.count - 1;
  const message = `Record ${batchIndex} has the offset delta ${cursor.offsetDelta}, but they must count up from 0`;
  return { error: "INVALID_RECORD", message, recordErrors: [{ batchIndex, message }] };
}

/** Gathers the records that are refused one by one. */
class Blame {
  readonly #errors: RecordError[] = [];
  #count = 0;
  #hasTimestamp = false;

  add(cursor: RecordCursor, message: string, isTimestamp: boolean): Blame {
    this.#count++;
    this.#hasTimestamp ||= isTimestamp;
    if (this.#errors.length < MAX_RECORD_ERRORS) this.#errors.push({ batchIndex: cursor.count - 1, message });
    return this;
  }

  refusal(): RefusedRecords {
    return {
      error: this.#hasTimestamp ? "INVALID_TIMESTAMP" : "INVALID_RECORD",
      message: `${this.#count} of the batch's records are refused; the first: ${this.#errors[0]!.message}`,
      recordErrors: this.#errors,
    };
  }
}

function stamp(
  header: BatchHeader,
  cursor: RecordCursor,
  maxTimestamp: number,
  produced: ProducedRecords,
): ValidatedBatch | RefusedRecords {
  let batch = produced.records;
  const { compressionType, maxMessageBytes } = produced;
  if (compressionType !== "producer") {
    const codec = codecByName(compressionType === "uncompressed" ? "none" : compressionType);
    if (codec.id !== header.codec) {
      const plain = header.codec === 0 ? batch.subarray(RECORDS) : cursor.bytes;
      batch = recompressBatch(batch, plain, codec.name, produced.compressionLevel);
      if (batch.length > maxMessageBytes) {
        const why = `As ${compressionType} the batch has ${batch.length} bytes, but the topic takes ${maxMessageBytes}`;
        return refuse("MESSAGE_TOO_LARGE", why);
      }
    }
  }
  const isLogAppendTime = produced.timestampType === "LogAppendTime";
  if (isLogAppendTime) stampLogAppendTime(batch, 0, produced.now);
  else stampMaxTimestamp(batch, 0, maxTimestamp);
  const { recordCount, producerId, producerEpoch, isTransactional } = header;
  const baseSequence = producerId < 0n ? NO_SEQUENCE : header.baseSequence;
  return {
    error: "NONE",
    batch,
    recordCount,
    maxTimestamp: isLogAppendTime ? produced.now : maxTimestamp,
    offsetOfMaxTimestamp: recordCount - 1,
    producerId,
    producerEpoch,
    baseSequence,
    lastSequence: baseSequence < 0 ? NO_SEQUENCE : sequenceAfter(baseSequence, recordCount - 1),
    isTransactional,
  };
}

/** The sequence number so many records after another: 0 follows 2^31-1. */
export function sequenceAfter(sequence: number, records: number): number {
  return (sequence + records) % 0x8000_0000;
}

function refuse(error: RefusedRecords["error"], message: string): RefusedRecords {
  return { error, message, recordErrors: [] };
}
