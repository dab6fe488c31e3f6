/**
 * What the tests of the log are made with: small segments, batches of known size, an observer that counts.
 *
 * @module
 */
import type { Result } from "../../../lib/env.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { batches, type BatchHeader } from "../../../protocol/batch.ts";
import { type BatchOptions, encodeBatch, type NewRecord } from "../../../protocol/records.ts";
import type { Disk } from "../../../storage/disk.ts";
import type { Log, LogConfig, LogObserver } from "../../../storage/log.ts";
import { DiskLogStore, type LogStoreOptions } from "../../../storage/log_store.ts";
import type { SegmentedLog } from "../../../storage/segmented_log.ts";

export const TOPIC_ID = "8ZpVtQ3sRkO6nCw9xHl2bA";
export const NAME = "orders-0";

/** Small enough for a few batches to fill it. */
export const CONFIG: LogConfig = {
  segmentBytes: 1000,
  segmentMs: 7 * 86_400_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 200,
  fileDeleteDelayMs: 60_000,
};

/** Sums up the batches below an offset, as a producer state does. */
export class CountingObserver implements LogObserver {
  batches = 0;
  offset = 0;
  /** How many batches were read to get there. */
  replayed = 0;

  load(snapshot: Uint8Array | undefined, offset: number): boolean {
    this.replayed = 0;
    if (snapshot === undefined) {
      this.batches = 0;
      this.offset = offset;
      return true;
    }
    if (snapshot.length !== 9 || snapshot[8] !== snapshot.subarray(0, 8).reduce((sum, byte) => (sum + byte) & 255, 7)) {
      return false;
    }
    const view = new DataView(snapshot.buffer, snapshot.byteOffset);
    this.batches = view.getUint32(0);
    this.offset = view.getUint32(4);
    return true;
  }

  recovered(header: BatchHeader): void {
    this.replayed++;
    this.appended(header);
  }

  appended(header: BatchHeader): void {
    this.batches++;
    this.offset = header.baseOffset + header.lastOffsetDelta + 1;
  }

  snapshot(): Uint8Array {
    const bytes = new Uint8Array(9);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.batches);
    view.setUint32(4, this.offset);
    bytes[8] = bytes.subarray(0, 8).reduce((sum, byte) => (sum + byte) & 255, 7);
    return bytes;
  }
}

/** A batch of `count` records of `valueBytes` each. */
export function batchOf(
  count: number,
  options: BatchOptions & { readonly timestamp?: number; readonly valueBytes?: number } = {},
): Uint8Array {
  const timestamp = options.timestamp ?? 1_700_000_000_000;
  const records: NewRecord[] = Array.from({ length: count }, (_, index) => ({
    value: new Uint8Array(options.valueBytes ?? 20).fill(index + 1),
    timestamp: timestamp + index,
  }));
  return encodeBatch(records, { partitionLeaderEpoch: 0, ...options });
}

/** Appends a batch at the log's end and tells the observer; returns the batch. */
export function appendTo(
  log: Log,
  count = 1,
  options: Parameters<typeof batchOf>[1] & { readonly nowMs?: number } = {},
): Uint8Array {
  const batch = batchOf(count, {
    partitionLeaderEpoch: Math.max(0, log.latestEpoch),
    baseOffset: log.endOffset,
    ...options,
  });
  log.append(batch, options.nowMs ?? 1_700_000_000_000);
  for (const header of batches(batch)) (log.observer as CountingObserver).appended(header);
  return batch;
}

export function openStore(disk: Disk, options: Partial<LogStoreOptions> = {}): DiskLogStore {
  return new DiskLogStore(disk, { nodeId: 1, random: new SeededRandom(1), ...options });
}

/** A store with one log that is open. */
export interface OpenLog {
  readonly store: DiskLogStore;
  readonly log: SegmentedLog;
  readonly observer: CountingObserver;
}

export function openLog(
  disk: Disk,
  config: Partial<LogConfig> = {},
  options: Partial<LogStoreOptions> = {},
): OpenLog {
  const store = openStore(disk, options);
  const observer = new CountingObserver();
  try {
    return { store, log: store.open(NAME, TOPIC_ID, { ...CONFIG, ...config }, observer), observer };
  } catch (error) {
    store.close(false);
    throw error;
  }
}

export function flushed(log: Log): Promise<Result<void>> {
  return new Promise((resolve) => log.flush(resolve));
}

/** Everything between two offsets, read in steps of about `maxBytes`; the batches, each in bytes of its own. */
export function readAll(log: Log, from: number = log.startOffset, maxBytes = 500): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let offset = from; offset < log.endOffset;) {
    const { bytes } = log.read(offset, log.endOffset, maxBytes, true);
    if (bytes.length === 0) throw new Error(`Nothing to read at ${offset} of ${log.endOffset}`);
    for (const header of batches(bytes)) {
      found.push(bytes.slice(header.at, header.at + header.sizeInBytes));
      offset = header.baseOffset + header.lastOffsetDelta + 1;
    }
  }
  return found;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
