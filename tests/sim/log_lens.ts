/**
 * How the invariants read logs, without disturbing them.
 *
 * @module
 */
import { batches, crcMatches } from "../../protocol/batch.ts";
import { records } from "../../protocol/records.ts";
import type { Log } from "../../storage/log.ts";
import { latin1 } from "./invariants/group_fold.ts";
import type { Batch, Entry } from "./invariants/views.ts";

const READ_BYTES = 1 << 20;
/** What a log that is not as it was written makes of reading it. */
const UNREADABLE = new Set(["DiskError", "CorruptLogError", "InvalidBatchError"]);

/** The batches of a log from the one that contains `offset`. */
export function* readBatches(
  log: Log,
  offset: number,
  untilOffset: number,
): Generator<{ readonly header: Batch; readonly bytes: Uint8Array; readonly isControl: boolean }> {
  while (offset < untilOffset) {
    const { bytes } = log.read(offset, untilOffset, READ_BYTES, true);
    if (bytes.length === 0) return;
    for (const found of batches(bytes)) {
      const { at, sizeInBytes, baseOffset, lastOffsetDelta, partitionLeaderEpoch, crc } = found;
      const { producerId, producerEpoch, baseSequence } = found;
      const last = baseOffset + lastOffsetDelta;
      const header = {
        base: baseOffset,
        last,
        epoch: partitionLeaderEpoch,
        crc,
        producerId,
        producerEpoch,
        baseSequence,
      };
      yield { header, bytes: bytes.subarray(at, at + sizeInBytes), isControl: found.isControl };
      offset = last + 1;
    }
  }
}

/** The records of a log from `offset` on; undefined when they cannot be read, or have rotted. */
export function entriesOf(log: Log, offset: number, untilOffset: number): Entry[] | undefined {
  const entries: Entry[] = [];
  try {
    for (const { header: { base, epoch }, bytes, isControl } of readBatches(log, offset, untilOffset)) {
      if (!crcMatches(bytes)) return undefined;
      if (isControl) continue;
      for (const { offset: at, key, value } of records(bytes)) {
        if (at < offset || at >= untilOffset) continue;
        // What was read is a view of the log's own cache.
        entries.push({
          offset: at,
          base,
          epoch,
          key: key === null ? null : latin1(key),
          value: value?.slice() ?? null,
        });
      }
    }
  } catch (error) {
    if (error instanceof Error && UNREADABLE.has(error.name)) return undefined;
    throw error;
  }
  return entries;
}
