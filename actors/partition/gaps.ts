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
  lastOffsetOf,
  NO_PRODUCER_ID,
  partitionLeaderEpochOf,
  readBatchHeader,
  recordCountOf,
  sizeInBytesOf,
} from "../../protocol/batch.ts";
import { encodeBatch } from "../../protocol/records.ts";

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

/** Where the first batch with records begins, and which offset comes before it: the offset after all of them when there is none. */
export function skipEmpty(batches: Uint8Array): { readonly at: number; readonly offset: number } {
  let at = 0;
  let offset = -1;
  while (at < batches.length && recordCountOf(batches, at) === 0) {
    offset = lastOffsetOf(batches, at) + 1;
    at += sizeInBytesOf(batches, at);
  }
  return { at, offset };
}
