/**
 * Reads whole batches out of a segment, each checked before anybody sees it.
 *
 * Every batch is checked on every read: what lies on a disk may have changed since it was written, and a record that was changed
 * must not be served. What this process wrote is checked by a sum that it kept (`batch_sums`), the rest by its CRC-32C, which costs
 * 0.4 ms per MiB. Offset and epoch, which that CRC does not cover, must be those that the log knows.
 *
 * @module
 */
import {
  baseOffsetOf,
  crcMatches,
  lastOffsetOf,
  partitionLeaderEpochOf,
  RECORDS,
  sizeInBytesOf,
} from "../protocol/batch.ts";
import type { BufferPool } from "../lib/buffer_pool.ts";
import { problemOf } from "./batch_scanner.ts";
import type { EpochCache } from "./epoch_cache.ts";
import { corruptLog, type Segment } from "./segment.ts";

/** What to read. */
export interface SegmentRead {
  readonly log: string;
  readonly segment: Segment;
  readonly epochs: EpochCache;
  /** Where a batch begins. */
  readonly position: number;
  /** Offset of that batch, or -1 when only known to contain what is asked for. */
  readonly expectedOffset: number;
  /** Batches that reach it do not come. */
  readonly untilOffset: number;
  readonly maxBytes: number;
  readonly minOneBatch: boolean;
  /** Where buffers come from; what is read belongs to the caller, who may give it back there. */
  readonly buffers: BufferPool;
}

/** What was read. */
export interface SegmentBytes {
  readonly bytes: Uint8Array;
  /** Offset after the last batch. */
  readonly nextOffset: number;
  /** Where the batch after it begins. */
  readonly nextPosition: number;
}

const NOTHING = new Uint8Array(0);

/**
 * Reads batches from one segment.
 *
 * @throws {CorruptLogError} the first batch is damaged; damage further on ends the read before it
 */
export function readSegment(read: SegmentRead): SegmentBytes {
  const bytes = load(read);
  let at = 0;
  let expectedOffset = read.expectedOffset;
  let span = { epoch: -1, endOffset: -1 };
  while (bytes.length - at >= RECORDS) {
    let problem = problemOf(bytes, at, read.segment.size - read.position - at, expectedOffset, -1);
    if (problem === undefined) {
      const lastOffset = lastOffsetOf(bytes, at);
      const size = sizeInBytesOf(bytes, at);
      if (at > 0 && (lastOffset >= read.untilOffset || size > bytes.length - at)) break;
      if (lastOffset >= span.endOffset) span = read.epochs.spanAt(lastOffset);
      const epoch = partitionLeaderEpochOf(bytes, at);
      if (!isSound(read, bytes, at, size)) problem = `with offset ${baseOffsetOf(bytes, at)} does not match its CRC`;
      else if (epoch !== span.epoch) problem = `has leader epoch ${epoch} where ${span.epoch} was`;
      else if (lastOffset >= read.untilOffset) break;
      else {
        expectedOffset = lastOffset + 1;
        at += size;
      }
    }
    if (problem === undefined) continue;
    if (at > 0) break;
    throw corruptLog(read.log, read.segment.path, read.position, problem);
  }
  const whole = at > bytes.length / 2 ? bytes.subarray(0, at) : bytes.slice(0, at);
  if (whole.buffer !== bytes.buffer) read.buffers.give(bytes);
  return { bytes: whole, nextOffset: expectedOffset, nextPosition: read.position + at };
}

/** Whether a batch is what was written: by the sum of this life if there is one, else by its own CRC. */
function isSound({ segment, position }: SegmentRead, bytes: Uint8Array, at: number, size: number): boolean {
  if (size > bytes.length - at) return false;
  return segment.sums.matches(position + at, bytes.subarray(at, at + size)) ?? crcMatches(bytes, at);
}

/** The bytes from the position on: up to `maxBytes`, or the whole first batch if it is larger and must come. */
function load({ log, segment, position, maxBytes, minOneBatch, buffers }: SegmentRead): Uint8Array {
  const available = segment.size - position;
  let bytes = buffers.take(Math.min(available, Math.max(maxBytes, RECORDS)));
  let filled = segment.file.read(position, bytes);
  const size = filled < RECORDS ? 0 : sizeInBytesOf(bytes, 0);
  if (size >= RECORDS && size <= available) { // else the check that follows says what is wrong
    if (size > maxBytes && !minOneBatch) return NOTHING;
    if (size > bytes.length) {
      const larger = buffers.take(size);
      larger.set(bytes);
      filled += segment.file.read(position + bytes.length, larger.subarray(bytes.length));
      buffers.give(bytes);
      bytes = larger;
    }
  }
  if (filled === bytes.length && filled >= RECORDS) return bytes;
  throw corruptLog(log, segment.path, position, "is cut off by the end of the file");
}
