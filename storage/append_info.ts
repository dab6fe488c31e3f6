/**
 * What a log has to know of batches before it appends them.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import {
  baseOffsetOf,
  lastOffsetDeltaOf,
  lastOffsetOf,
  maxTimestampOf,
  partitionLeaderEpochOf,
  recordCountOf,
  sizeInBytesOf,
} from "../protocol/batch.ts";

/** Batches that are about to be appended, in sum. */
export interface AppendInfo {
  readonly sizeInBytes: number;
  readonly lastOffset: number;
  /** -1 when none of them has one. */
  readonly maxTimestamp: number;
  /** Some of them have lost records: where they come from they have been cleaned. */
  readonly isCleaned: boolean;
}

/** The end of the log that they are to follow. */
export interface LogEnd {
  readonly name: string;
  readonly endOffset: number;
  readonly latestEpoch: number;
}

/** Sums batches up. They must be whole and go on where the log ends; anything else is a bug of the caller. */
export function analyzeAppend(batches: Uint8Array, { name, endOffset, latestEpoch }: LogEnd): AppendInfo {
  let next = endOffset;
  let epoch = latestEpoch;
  let maxTimestamp = -1;
  let isCleaned = false;
  for (let at = 0; at < batches.length;) {
    const size = sizeInBytesOf(batches, at);
    assert(size > 0 && at + size <= batches.length, `${name}: only whole batches can be appended.`);
    const baseOffset = baseOffsetOf(batches, at);
    assert(baseOffset === next, `${name}: a batch with offset ${baseOffset} cannot follow ${next - 1}.`);
    const batchEpoch = partitionLeaderEpochOf(batches, at);
    assert(batchEpoch >= epoch, `${name}: a batch of epoch ${batchEpoch} cannot follow one of epoch ${epoch}.`);
    epoch = batchEpoch;
    next = lastOffsetOf(batches, at) + 1;
    maxTimestamp = Math.max(maxTimestamp, maxTimestampOf(batches, at));
    isCleaned ||= recordCountOf(batches, at) <= lastOffsetDeltaOf(batches, at);
    at += size;
  }
  return { sizeInBytes: batches.length, lastOffset: next - 1, maxTimestamp, isCleaned };
}
