/**
 * Headers without records, which compaction leaves where batches were: how they are given to those who read the log.
 *
 *     follower at 30:   │ 0 … 99 (nothing) │ 100 …   ─▶   │ 30 … 99 (nothing) │ 100 …
 *     client at 30:     │ 0 … 99 (nothing) │ 100 …   ─▶                       │ 100 …
 *
 * A follower needs every offset once, and its log may end where a batch of the leader's ended before that became part of a longer
 * header. A client needs records: some do not move on over an answer that holds none, and would ask for the same offset for ever.
 *
 * @module
 */
import {
  baseOffsetOf,
  lastOffsetDeltaOf,
  lastOffsetOf,
  NO_PRODUCER_ID,
  partitionLeaderEpochOf,
  readBatchHeader,
  recordCountOf,
  sizeInBytesOf,
} from "../../protocol/batch.ts";
import { encodeBatch, openRecords } from "../../protocol/records.ts";

/** The same batches, where a first header of nobody that begins below `offset` begins there. */
export function beginAt(batches: Uint8Array, offset: number): Uint8Array {
  if (batches.length === 0 || recordCountOf(batches, 0) > 0 || baseOffsetOf(batches, 0) >= offset) return batches;
  const { producerId, sizeInBytes } = readBatchHeader(batches);
  if (producerId !== NO_PRODUCER_ID) return batches; // its sequences count from its first offset
  const header = encodeBatch([], {
    baseOffset: offset,
    partitionLeaderEpoch: partitionLeaderEpochOf(batches, 0),
    lastOffsetDelta: lastOffsetOf(batches, 0) - offset,
  });
  const result = new Uint8Array(header.length + batches.length - sizeInBytes);
  result.set(header);
  result.set(batches.subarray(sizeInBytes), header.length);
  return result;
}

/**
 * Where the first batch ends, if it is a header of nobody that spans `offset`; else `offset` itself. Only what is committed is cleaned, so
 * all of such a header is.
 */
export function endOfGap(batches: Uint8Array, offset: number): number {
  if (batches.length === 0 || recordCountOf(batches, 0) > 0 || baseOffsetOf(batches, 0) >= offset) return offset;
  return readBatchHeader(batches).producerId === NO_PRODUCER_ID ? lastOffsetOf(batches, 0) + 1 : offset;
}

/** Where the first batch begins that has a record at or after `offset`, and the offset after what was passed over. */
export function skipEmpty(batches: Uint8Array, offset: number): { readonly at: number; readonly offset: number } {
  let at = 0;
  let next = offset;
  while (at < batches.length && !hasRecordFrom(batches, at, offset)) {
    next = lastOffsetOf(batches, at) + 1;
    at += sizeInBytesOf(batches, at);
  }
  return { at, offset: next };
}

/** Whether a batch that reaches to `offset` has a record from there on. Only where records are missing it has to be looked inside. */
function hasRecordFrom(batches: Uint8Array, at: number, offset: number): boolean {
  const count = recordCountOf(batches, at);
  if (count === 0 || baseOffsetOf(batches, at) >= offset) return count > 0;
  if (count > lastOffsetDeltaOf(batches, at)) return true;
  const header = readBatchHeader(batches, at);
  const cursor = openRecords(batches, header);
  while (cursor.next()) if (header.baseOffset + cursor.offsetDelta >= offset) return true;
  return false;
}
