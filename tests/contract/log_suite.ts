/**
 * What every log must do, on whatever disk it rests.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AssertionError } from "../../lib/assert.ts";
import type { Disk } from "../../storage/disk.ts";
import {
  appendTo,
  batchOf,
  concat,
  CONFIG,
  flushed,
  NAME,
  type OpenLog,
  openLog,
  readAll,
} from "../unit/storage/log_kit.ts";
import { CLEANING_CASES } from "./cleaning_suite.ts";
import { CLEANING_STEPS_CASES } from "./cleaning_steps_suite.ts";
import { SEGMENT_CASES } from "./segments_suite.ts";

const NOW = 1_700_000_000_000;
const ALL = Number.MAX_SAFE_INTEGER;

/** Something that a log must do. */
export type Case = (open: (config?: Partial<typeof CONFIG>) => OpenLog, disk: Disk) => void | Promise<void>;

const CASES: Record<string, Case> = {
  "a new log is empty and begins at 0": (open) => {
    const { log } = open();
    assertEquals([log.startOffset, log.endOffset, log.flushedOffset, log.sizeInBytes], [0, 0, 0, 0]);
    assertEquals([log.latestEpoch, log.epochAt(0)], [-1, -1]);
    assertEquals(log.read(0, ALL, 1000, true).bytes.length, 0);
    assertEquals([log.offsetForTimestamp(0, ALL), log.offsetOfMaxTimestamp(ALL)], [undefined, undefined]);
    assertEquals(log.endOffsetForEpoch(0), undefined);
  },

  "what is appended is read back byte for byte, across segments, in steps of any size": (open) => {
    const { log } = open();
    const batches = Array.from({ length: 40 }, (_, index) => appendTo(log, 1 + index % 5));
    assert(log.segmentCount > 5);
    assertEquals(log.sizeInBytes, batches.reduce((sum, { length }) => sum + length, 0));
    for (const maxBytes of [1, 61, 150, 1000, 10_000]) assertEquals(readAll(log, 0, maxBytes), batches);
  },

  "several batches are appended at once": (open) => {
    const { log } = open();
    const batches = [0, 3, 5].map((baseOffset) => batchOf(baseOffset === 0 ? 3 : 2, { baseOffset }));
    log.append(concat(batches), NOW);
    assertEquals(log.endOffset, 7);
    assertEquals(readAll(log), batches);
  },

  "a read begins with the batch that contains the offset": (open) => {
    const { log } = open();
    const batches = Array.from({ length: 30 }, () => appendTo(log, 3));
    for (let offset = 0; offset < 90; offset++) {
      assertEquals(log.read(offset, ALL, 1, true).bytes, batches[Math.floor(offset / 3)]);
    }
    assertEquals(log.read(90, ALL, 1000, true).bytes.length, 0);
    for (const offset of [-1, 91, NaN]) assertThrows(() => log.read(offset, ALL, 1000, true), RangeError);
  },

  "a read keeps to its limits": (open) => {
    const { log } = open({ segmentBytes: 1_000_000 });
    const batches = Array.from({ length: 10 }, () => appendTo(log, 2));
    const size = batches[0]!.length;
    assertEquals(log.read(0, ALL, size - 1, false).bytes.length, 0);
    assertEquals(log.read(0, ALL, 0, false).bytes.length, 0);
    assertEquals(log.read(0, ALL, 0, true).bytes.length, size);
    assertEquals(log.read(0, ALL, size * 3 + 1, false).bytes, concat(batches.slice(0, 3)));
    assertEquals(log.read(4, 12, 100_000, true).bytes, concat(batches.slice(2, 6)));
    assertEquals(log.read(4, 11, 100_000, true).bytes, concat(batches.slice(2, 5)));
    assertEquals(log.read(4, 5, 100_000, true).bytes.length, 0);
    assertEquals(log.read(4, 4, 100_000, true).bytes.length, 0);
  },

  "bytes that were read belong to the reader": (open) => {
    const { log } = open();
    const batch = appendTo(log, 2);
    const first = log.read(0, ALL, 1000, true).bytes;
    first.fill(0);
    assertEquals(log.read(0, ALL, 1000, true).bytes, batch);
  },

  "a tail is read while it grows": (open) => {
    const { log } = open();
    for (let offset = 0; offset < 100; offset++) {
      const batch = appendTo(log, 1);
      assertEquals(log.read(offset, ALL, 10_000, false).bytes, batch);
    }
  },

  "only batches that follow can be appended": (open) => {
    const { log } = open();
    appendTo(log, 2, { partitionLeaderEpoch: 4 });
    for (const baseOffset of [0, 1, 3]) {
      assertThrows(
        () => log.append(batchOf(1, { baseOffset, partitionLeaderEpoch: 4 }), NOW),
        AssertionError,
        "follow",
      );
    }
    assertThrows(
      () => log.append(batchOf(1, { baseOffset: 2, partitionLeaderEpoch: 3 }), NOW),
      AssertionError,
      "of epoch 3",
    );
    const half = batchOf(1, { baseOffset: 2, partitionLeaderEpoch: 4 }).subarray(0, 70);
    assertThrows(() => log.append(half, NOW), AssertionError, "whole batches");
    assertEquals(log.endOffset, 2);
  },

  "a flush moves the flushed offset to what was appended before it": async (open) => {
    const { log } = open();
    for (let index = 0; index < 20; index++) appendTo(log, 1);
    assertEquals(log.flushedOffset, 0);
    assertEquals((await flushed(log)).ok, true);
    assertEquals(log.flushedOffset, 20);
    const both = [flushed(log)];
    appendTo(log, 1);
    both.push(flushed(log));
    assertEquals((await Promise.all(both)).map(({ ok }) => ok), [true, true]);
    assertEquals(log.flushedOffset, 21);
  },

  "truncation takes everything from the batch on that contains the offset": (open) => {
    const { log, observer } = open();
    const batches = Array.from({ length: 30 }, () => appendTo(log, 2));
    log.truncateTo(60);
    assertEquals(log.endOffset, 60);
    for (const [offset, end] of [[58, 58], [51, 50], [20, 20], [2, 2], [0, 0]] as const) {
      log.truncateTo(offset);
      assertEquals([log.endOffset, log.flushedOffset], [end, end]);
      assertEquals(readAll(log), batches.slice(0, end / 2));
      assertEquals([observer.batches, observer.offset], [end / 2, end]);
      assertEquals(log.sizeInBytes, batches.slice(0, end / 2).reduce((sum, { length }) => sum + length, 0));
      const again = appendTo(log, 2, { valueBytes: 5 });
      assertEquals(readAll(log), [...batches.slice(0, end / 2), again]);
      log.truncateTo(end);
    }
  },

  "truncation forgets epochs and timestamps": (open) => {
    const { log } = open();
    for (let epoch = 1; epoch <= 10; epoch++) {
      for (let index = 0; index < 3; index++) {
        appendTo(log, 1, { partitionLeaderEpoch: epoch, timestamp: NOW + 100 * epoch + index });
      }
    }
    log.truncateTo(13);
    assertEquals([log.latestEpoch, log.epochAt(12), log.epochAt(11)], [5, 5, 4]);
    assertEquals(log.endOffsetForEpoch(5), { epoch: 5, endOffset: 13 });
    assertEquals(log.endOffsetForEpoch(6), undefined);
    assertEquals(log.offsetOfMaxTimestamp(ALL), { timestamp: NOW + 500, offset: 12, leaderEpoch: 5 });
    assertEquals(log.offsetForTimestamp(NOW + 501, ALL), undefined);
  },

  "a log can begin anew at any offset": (open) => {
    const { log, observer } = open();
    for (let index = 0; index < 20; index++) appendTo(log, 2);
    for (const offset of [1000, 7, 0]) {
      log.restartAt(offset);
      assertEquals([log.startOffset, log.endOffset, log.flushedOffset, log.sizeInBytes], [offset, offset, offset, 0]);
      assertEquals([log.latestEpoch, observer.batches, observer.offset], [-1, 0, offset]);
      const batch = appendTo(log, 2, { partitionLeaderEpoch: 3 });
      assertEquals(readAll(log), [batch]);
    }
  },

  "truncating below the start begins anew there": (open) => {
    const { log } = open();
    for (let index = 0; index < 20; index++) appendTo(log, 2);
    log.advanceStart(11);
    log.truncateTo(4);
    assertEquals([log.startOffset, log.endOffset], [4, 4]);
  },

  "records are found by time": (open) => {
    const { log } = open({ indexIntervalBytes: 50 });
    const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
    for (let index = 0; index < 60; index++) {
      appendTo(log, 3, { timestamp: NOW + index * 10, codec: codecs[index % 5]!, partitionLeaderEpoch: index });
    }
    for (let offset = 0; offset < 180; offset++) {
      const timestamp = NOW + Math.floor(offset / 3) * 10 + offset % 3;
      const expected = { timestamp, offset, leaderEpoch: Math.floor(offset / 3) };
      assertEquals(log.offsetForTimestamp(timestamp, ALL), expected);
      assertEquals(log.offsetForTimestamp(timestamp, offset), undefined);
    }
    assertEquals(log.offsetForTimestamp(0, ALL)?.offset, 0);
    assertEquals(log.offsetForTimestamp(NOW + 5, ALL)?.offset, 3);
    assertEquals(log.offsetForTimestamp(NOW + 593, ALL), undefined);
    log.advanceStart(31);
    assertEquals(log.offsetForTimestamp(0, ALL)?.offset, 31);
  },

  "records out of order are found by time, the first of them by offset": (open) => {
    const { log } = open({ indexIntervalBytes: 50 });
    const timestamps = Array.from({ length: 80 }, (_, index) => (index * 37) % 80);
    for (const timestamp of timestamps) appendTo(log, 1, { timestamp });
    for (let timestamp = 0; timestamp < 80; timestamp++) {
      const offset = timestamps.findIndex((each) => each >= timestamp);
      assertEquals(log.offsetForTimestamp(timestamp, ALL)?.offset, offset);
    }
    for (let until = 1; until <= 80; until++) {
      const max = Math.max(...timestamps.slice(0, until));
      const expected = { timestamp: max, offset: timestamps.indexOf(max), leaderEpoch: 0 };
      assertEquals(log.offsetOfMaxTimestamp(until), expected);
    }
  },

  "epochs are known by offset and answer for followers": (open) => {
    const { log } = open();
    for (const epoch of [2, 2, 5, 5, 5, 9]) appendTo(log, 10, { partitionLeaderEpoch: epoch });
    assertEquals([0, 19, 20, 49, 50, 60].map((offset) => log.epochAt(offset)), [2, 2, 5, 5, 9, 9]);
    const answers = [0, 2, 3, 5, 8, 9, 10, -1].map((epoch) => log.endOffsetForEpoch(epoch));
    assertEquals(answers, [
      { epoch: 0, endOffset: 0 },
      { epoch: 2, endOffset: 20 },
      { epoch: 2, endOffset: 20 },
      { epoch: 5, endOffset: 50 },
      { epoch: 5, endOffset: 50 },
      { epoch: 9, endOffset: 60 },
      undefined,
      undefined,
    ]);
    log.assignEpoch(12, 60);
    assertEquals(log.latestEpoch, 12);
    assertEquals(log.endOffsetForEpoch(9), { epoch: 9, endOffset: 60 });
    assertEquals(log.endOffsetForEpoch(12), { epoch: 12, endOffset: 60 });
  },

  "everything is there after a clean close, without reading the log": (open) => {
    const first = open();
    const batches = Array.from(
      { length: 40 },
      (_, index) => appendTo(first.log, 2, { partitionLeaderEpoch: index >> 2 }),
    );
    first.log.advanceStart(5);
    first.store.setHighWatermark(NAME, 77);
    first.store.close(true);
    const { log, store, observer } = open();
    assertEquals([log.startOffset, log.endOffset, log.flushedOffset, log.latestEpoch], [5, 80, 80, 9]);
    assertEquals(readAll(log), batches.slice(2));
    assertEquals([observer.batches, observer.replayed], [40, 0]);
    assertEquals([store.wasClean, store.highWatermark(NAME)], [true, 77]);
    appendTo(log, 1);
    assertEquals(log.endOffset, 81);
  },

  "a closed log refuses everything that writes": async (open) => {
    const { log, store } = open();
    appendTo(log, 1);
    store.close(true);
    for (const action of [() => appendTo(log, 1), () => log.truncateTo(0), () => log.advanceStart(1)]) {
      assertThrows(action, Error, "was closed");
    }
    await assertRejects(
      async () => {
        const result = await flushed(log);
        if (!result.ok) throw result.error;
      },
      Error,
      "was closed",
    );
    log.close(true);
  },
};

/** Runs every case on new disks. */
export function testLog(name: string, make: () => { readonly disk: Disk; readonly dispose: () => void }): void {
  const all = { ...CASES, ...SEGMENT_CASES, ...CLEANING_CASES, ...CLEANING_STEPS_CASES };
  for (const [title, run] of Object.entries(all)) {
    Deno.test(`log on ${name}: ${title}`, async () => {
      const { disk, dispose } = make();
      const opened: OpenLog[] = [];
      try {
        await run((config) => {
          const log = openLog(disk, config);
          opened.push(log);
          return log;
        }, disk);
      } finally {
        for (const { store } of opened) store.close(false);
        dispose();
      }
    });
  }
}
