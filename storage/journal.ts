/**
 * A journal over a log of this node: each event is a record, each append a batch, and durable means synced.
 *
 * Invariant: the order of events is the order of offsets; an append is recovered whole or not at all, because it is one batch.
 *
 * @module
 */
import { assert } from "../lib/assert.ts";
import type { Settle } from "../lib/env.ts";
import { METADATA_TOPIC_UUID } from "../lib/uuid.ts";
import { batches } from "../protocol/batch.ts";
import { encodeBatch, records } from "../protocol/records.ts";
import type { Log, LogConfig, LogObserver, LogStore } from "./log.ts";

/** As Kafka's metadata log: segments of 1 GiB or a week (metadata.log.segment.bytes, metadata.log.segment.ms). */
const CONFIG: LogConfig = {
  segmentBytes: 1 << 30,
  segmentMs: 7 * 24 * 3_600_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
  fileDeleteDelayMs: 60_000,
};

/** Nothing is derived from the batches but what {@linkcode LocalJournal.recover} makes of them. */
const NO_OBSERVER: LogObserver = {
  load: () => true,
  recovered: () => {},
  snapshot: () => new Uint8Array(0),
};

const READ_BYTES = 1 << 20;
const DONE = { ok: true, value: undefined } as const;

/** Events of one actor, kept in one log. */
export class LocalJournal {
  readonly #store: LogStore;
  readonly #name: string;
  readonly #encode: (event: unknown) => Uint8Array;
  readonly #decode: (bytes: Uint8Array) => unknown;
  #log: Log | undefined;

  /**
   * @param name folder of the log
   * @param encode an event as the bytes of a record
   * @param decode the other way round; throws when the bytes are no event
   */
  constructor(
    store: LogStore,
    name: string,
    encode: (event: unknown) => Uint8Array,
    decode: (bytes: Uint8Array) => unknown,
  ) {
    this.#store = store;
    this.#name = name;
    this.#encode = encode;
    this.#decode = decode;
  }

  /** Opens the log and hands over what is in it; opening has made all of that durable. Throws what the disk throws. */
  recover(apply: (event: unknown) => void): void {
    const log = this.#store.open(this.#name, METADATA_TOPIC_UUID, CONFIG, NO_OBSERVER);
    this.#log = log;
    for (let offset = log.startOffset; offset < log.endOffset;) {
      const { bytes } = log.read(offset, log.endOffset, READ_BYTES, true);
      for (const { at, baseOffset, lastOffsetDelta } of batches(bytes)) {
        for (const { value } of records(bytes, at)) apply(this.#decode(value!));
        offset = baseOffset + lastOffsetDelta + 1;
      }
    }
  }

  /** Writes events as one batch and returns the position after them. Throws what the disk throws. */
  append(events: readonly unknown[], nowMs = -1): number {
    const log = this.#opened();
    const values = events.map((event) => ({ value: this.#encode(event), timestamp: nowMs }));
    log.append(encodeBatch(values, { baseOffset: log.endOffset, partitionLeaderEpoch: 0 }), nowMs);
    return log.endOffset;
  }

  /** Settles when everything below `position` is synced, or can never be. */
  whenDurable(position: number, settle: Settle<void>): void {
    const log = this.#opened();
    if (log.flushedOffset >= position) settle(DONE);
    else log.flush(settle);
  }

  /** Closes the log; the next recovery trusts what was synced. */
  close(): void {
    this.#log?.close(true);
    this.#log = undefined;
  }

  #opened(): Log {
    assert(this.#log !== undefined, `${this.#name} was not recovered`);
    return this.#log;
  }
}
